"""SVG, drawn by another program, is the painting."""

import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import resvg_py
import torch
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import UserError
from impasto.io.exporters import Svg
from impasto.io.record import StrokeRecord
from impasto.strokes import Bezier, Circle, Line, Stroke
from impasto.strokes.base import Frame
from tests.impasto.io.exporters.paintings import drawn, psnr, some_painting
from tests.impasto.strokes.kinds import KINDS, every_kind


def rendered(path: Path) -> NDArray[np.uint8]:
    png = resvg_py.svg_to_bytes(svg_path=str(path), skip_system_fonts=True)
    with Image.open(BytesIO(bytes(png))) as image:
        return np.asarray(image)


@pytest.mark.parametrize(
    "stroke", [*KINDS, *every_kind(opaque=True)], ids=lambda kind: f"{kind.name}-{kind.opaque}"
)
def test_it_is_the_painting(stroke: Stroke, tmp_path: Path) -> None:
    painting = some_painting(stroke)
    path = Svg().write(tmp_path, painting)
    assert [one.name for one in tmp_path.iterdir()] == ["painting.svg"]
    # The ends of a taper are thinner than a pixel: drawn as wide as one, fainter, and here thin.
    least = 39 if stroke.name == "taper" else 40
    assert psnr(rendered(path)[..., :3], drawn(painting)) > least


def test_transparent_stays_transparent(tmp_path: Path) -> None:
    painting = some_painting(Circle(), count=3, background=None)
    found, expected = rendered(Svg().write(tmp_path, painting)), drawn(painting)
    assert found.shape == expected.shape == (160, 240, 4)
    assert (expected[..., 3] == 0).mean() > 0.2
    assert psnr(found[..., 3], expected[..., 3]) > 40


def test_a_stroke_of_one_opacity_needs_no_mask(tmp_path: Path) -> None:
    stroke = Line(opaque=True)
    painting = some_painting(stroke, count=7)
    limited = StrokeRecord(stroke, stroke.limit(painting.strokes), 240, 160, (0, 0, 0))
    text = Svg().write(tmp_path, limited).read_text()
    assert "mask" not in text
    assert "opacity" not in text
    assert text.count("<path") == 14  # each with its nodes
    assert text.count('fill="#') == 7 + 1


def test_a_curve_of_one_width_and_opacity_is_a_path_with_its_nodes(tmp_path: Path) -> None:
    even = [0.1, 0.2, 0.5, 0.9, 0.9, 0.2, 0.1, 0.5, 0.1, 0.5, 1.0, 0.0, 0.0]
    rows = torch.tensor([even, [*even[:8], 0.2, *even[9:]]])
    painting = StrokeRecord(Bezier(control="absolute"), rows, 200, 100, (1, 1, 1))
    path = Svg(command="impasto 'a & b.jpg'").write(tmp_path, painting)
    assert psnr(rendered(path)[..., :3], drawn(painting)) > 40
    title, desc, _, first, second = ElementTree.parse(path).getroot()
    assert title.text == "2 bezier strokes"
    assert desc.text == "impasto 'a & b.jpg'"
    assert first.get("d") == "M20 20Q100 90 180 20"
    width = 2 * 100 * (1 + 64 * 0.1) / 256
    assert float(first.get("stroke-width", 0)) == pytest.approx(width, abs=0.01)
    assert (first.get("stroke"), first.get("stroke-opacity")) == ("#ff0000", "0.5")
    assert first[0].text == "stroke 0"
    assert [one.tag.rpartition("}")[2] for one in second] == ["title", "path", "path"]
    assert second[1].get("d") == first.get("d")
    assert len({str(first.get("id")), str(second.get("id"))}) == 2


def test_ten_thousand_strokes_are_less_than_twenty_megabytes(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    shape = Bezier().place(torch.rand(200, 2, generator=random), 0.02, random)
    shape[:, [7, 9]] = torch.rand(200, 2, generator=random)  # no opacity that stays
    painting = some_painting(Bezier(), count=200, width=1200, height=1200)
    painting.strokes[:, :10] = shape
    assert Svg().write(tmp_path, painting).stat().st_size * 50 < 20e6


def test_it_is_well_formed_and_has_the_paintings_size(tmp_path: Path) -> None:
    root = ElementTree.parse(Svg().write(tmp_path, some_painting(Bezier(), 3))).getroot()
    assert (root.get("width"), root.get("height")) == ("240", "160")
    assert root.get("viewBox") == "0 0 240 160"
    masks = {one.get("id") for one in root.iter("{http://www.w3.org/2000/svg}mask")}
    used = re.findall(r"url\(#(\w+)\)", ElementTree.tostring(root, encoding="unicode"))
    assert set(used) == masks
    assert len(used) == len(masks) == 3


@pytest.mark.parametrize("others", ["strokes", "decimals", "size"])
@pytest.mark.parametrize("name", ["bezier", "brush"])
def test_two_in_one_document_are_what_they_are_alone(
    name: str, others: str, tmp_path: Path
) -> None:
    stroke = next(kind for kind in KINDS if kind.name == name)
    one = some_painting(stroke, 6)
    options = {"size": {"width": 200}, "strokes": {"strokes": one.strokes.flip(0)}, "decimals": {}}
    other = replace(one, **options[others])
    svgs = [Svg(), Svg(0 if others == "decimals" else 2)]
    texts = ["\n".join(svg.lines(each)) for svg, each in zip(svgs, (one, other), strict=True)]
    alone = []
    for text in texts:
        (tmp_path / "alone.svg").write_text(text)
        alone.append(rendered(tmp_path / "alone.svg"))
    second = texts[1].replace("<svg ", '<svg x="240" ', 1)
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="480" height="160">'
    (tmp_path / "both.svg").write_text(f"{head}{texts[0]}{second}</svg>")
    both = rendered(tmp_path / "both.svg")
    assert np.array_equal(both[:, :240], alone[0])
    assert np.array_equal(both[:, 240 : 240 + other.width], alone[1])
    assert not np.array_equal(alone[0], alone[1])


def test_a_kind_without_geometry_says_so(tmp_path: Path) -> None:
    class Dot(Stroke):
        name = "dot"
        parameters = ("x", "y")

        def _draw(self, shape: torch.Tensor, frame: Frame) -> torch.Tensor:
            return shape.new_zeros(len(shape), frame.rows, frame.columns)

    with pytest.raises(UserError, match=r"a dot stroke has no geometry .* `mark`"):
        Svg().write(tmp_path, some_painting(Dot()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("decimals", [-1, 10, 2.5])
def test_decimals_that_make_no_sense_are_refused(decimals: int) -> None:
    with pytest.raises(UserError, match=f"^`decimals` is {decimals} — .*, from 0 to 9$"):
        Svg(decimals)
