"""A picture as a stroke: exact where it can be said what is exact, and refused with a reason."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from impasto.errors import UserError
from impasto.io.record import StrokeRecord, read_record, write_record
from impasto.networks import Actor
from impasto.renderers import AnalyticRenderer
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Brush
from impasto.strokes.brush_image import LARGEST, embedded, read_brush
from impasto.strokes.conversion import from_record, to_record
from impasto.strokes.limits import limit_shape
from tests.impasto.strokes.kinds import bounds, bristles

SIZE = 32


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(1, 256, (height, width), dtype=np.uint8)


def brush(paint: NDArray[np.uint8], **limits: object) -> Brush:
    return Brush(embedded(paint), **limits)


def stamp(
    kind: Brush, x: float, y: float, size: float, degrees: float = 0.0, opacity: float = 1.0
) -> Tensor:
    """Alpha (32, 32) of one brush; place and size in pixels."""
    record = {"x": x / SIZE, "y": y / SIZE, "size": size / SIZE, "angle": math.radians(degrees)}
    shape = from_record(kind, {**record, "opacity": opacity})[None].double()
    return kind.rasterize(shape, SIZE, SIZE)[0, 0]


def expected(paint: NDArray[np.uint8], left: int, top: int) -> Tensor:
    canvas = torch.zeros(SIZE, SIZE, dtype=torch.float64)
    canvas[top : top + paint.shape[0], left : left + paint.shape[1]] = torch.tensor(paint / 255.0)
    return canvas


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (8, 2), (7, 7), (1, 9)])
def test_a_brush_of_its_own_size_is_its_picture(shape: tuple[int, int]) -> None:
    height, width = shape
    paint = noise(height, width)
    alpha = stamp(brush(paint), 9 + width / 2, 12 + height / 2, max(shape), opacity=0.5)
    torch.testing.assert_close(alpha, 0.5 * expected(paint, 9, 12), atol=2e-5, rtol=0)


def test_turns_are_clockwise() -> None:
    paint = noise(4, 6)
    for quarters in range(4):
        turned = np.rot90(paint, -quarters)
        rows, columns = turned.shape
        alpha = stamp(brush(paint), 14, 13, 6, 90 * quarters)
        wanted = expected(turned, 14 - columns // 2, 13 - rows // 2)
        torch.testing.assert_close(alpha, wanted, atol=2e-5, rtol=0)


@pytest.mark.parametrize("factor", [2, 4])
def test_a_brush_of_half_its_size_is_the_mean_of_its_texels(factor: int) -> None:
    paint = noise(16, 16)
    means = functional.avg_pool2d(torch.tensor(paint / 255.0)[None], factor)[0]
    side = 16 // factor
    alpha = stamp(brush(paint), 10 + side / 2, 10 + side / 2, side)
    canvas = torch.zeros(SIZE, SIZE, dtype=torch.float64)
    canvas[10 : 10 + side, 10 : 10 + side] = means
    torch.testing.assert_close(alpha, canvas, atol=2e-5, rtol=0)


def test_half_a_pixel_aside_is_the_mean_of_two() -> None:
    paint = noise(4, 4)
    alpha = stamp(brush(paint), 12.5, 12, 4)
    canvas = (expected(paint, 10, 10) + expected(paint, 11, 10)) / 2
    torch.testing.assert_close(alpha, canvas, atol=2e-5, rtol=0)


def test_a_larger_brush_is_its_picture_interpolated() -> None:
    paint = noise(4, 4)
    alpha = stamp(brush(paint), 16, 16, 16)
    padded = functional.pad(torch.tensor(paint / 255.0)[None, None], (1, 1, 1, 1))
    smooth = functional.interpolate(padded, scale_factor=4, mode="bilinear", align_corners=False)
    torch.testing.assert_close(alpha[4:28, 4:28], smooth[0, 0], atol=2e-5, rtol=0)
    assert alpha.sum() == pytest.approx(alpha[4:28, 4:28].sum().item())


@pytest.mark.parametrize("size", [0.3, 1.0, 2.3, 5.0, 11.0, 16.2])
@pytest.mark.parametrize("degrees", [0, 20, 45, 77, 200])
def test_a_brush_keeps_its_ink(size: float, degrees: float) -> None:
    kind = brush(bristles())
    alpha = stamp(kind, 16.3, 15.6, size, degrees)
    ink = bristles().sum() / 255 * (size / 40) ** 2
    assert alpha.sum().item() == pytest.approx(ink, rel=0.12 if size < 2 else 0.03)


def test_shrinking_does_not_alias() -> None:
    """Fine stripes become an even grey, wherever they lie."""
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    for x in (15.9, 16.0, 16.2, 16.45):
        inner = stamp(brush(stripes), x, 16, 14)[12:20, 12:20]
        torch.testing.assert_close(inner, torch.full_like(inner, 0.5), atol=0.01, rtol=0)


def test_nothing_is_painted_outside_the_bounds() -> None:
    for paint in (noise(5, 40), noise(33, 2), noise(1, 1), noise(64, 64)):
        kind = brush(paint)
        shape = kind.sample(200, torch.Generator().manual_seed(0))
        whole = kind.rasterize(shape, SIZE, SIZE)[:, 0]
        for alpha, box in zip(whole, bounds(kind, shape, SIZE, SIZE).tolist(), strict=True):
            left, top, right, bottom = box
            alpha[top:bottom, left:right] = 0
            assert alpha.max() == 0


def test_limits_go_by_the_picture() -> None:
    kind = brush(noise(10, 40), max_width=0.05)  # four times as long as wide
    assert to_record(kind, limit_shape(kind, torch.ones(5)))["size"] == pytest.approx(0.2)
    kind = brush(noise(10, 40), max_width=0.05, max_length=0.1)
    assert to_record(kind, limit_shape(kind, torch.ones(5)))["size"] == pytest.approx(0.1)


def test_a_coarser_dtype_leaves_no_trace() -> None:
    kind = brush(bristles())
    shape = kind.sample(5, torch.Generator().manual_seed(0))
    before = kind.rasterize(shape.double(), SIZE, SIZE)
    kind.rasterize(shape.bfloat16(), SIZE, SIZE)
    assert torch.equal(kind.rasterize(shape.double(), SIZE, SIZE), before)
    fresh = brush(bristles())
    fresh.rasterize(shape.bfloat16(), SIZE, SIZE)
    assert torch.equal(fresh.rasterize(shape.double(), SIZE, SIZE), before)


# ---- files


def test_white_paints_or_black_and_what_is_transparent_never(tmp_path: Path) -> None:
    file = tmp_path / "brush.png"
    paint = noise(6, 7)
    Image.fromarray(paint).save(file)
    np.testing.assert_array_equal(read_brush(file, invert=False), paint)
    np.testing.assert_array_equal(read_brush(str(file), invert=True), 255 - paint)
    opacity = np.zeros((6, 7), np.uint8)
    opacity[:, :3] = 255
    Image.fromarray(np.stack([paint, opacity], axis=2), "LA").save(file)
    np.testing.assert_array_equal(read_brush(file, invert=False), np.where(opacity, paint, 0))
    np.testing.assert_array_equal(read_brush(file, invert=True), np.where(opacity, 255 - paint, 0))


def test_any_grayscale_picture_will_do(tmp_path: Path) -> None:
    paint = noise(6, 7)
    paint[0, 0] = 255
    pictures = {
        "rgb.png": Image.fromarray(np.repeat(paint[..., None], 3, axis=2)),
        "palette.png": Image.fromarray(paint).convert("P"),
        "deep.png": Image.fromarray(paint.astype(np.uint16) * 257),
        "page.tif": Image.fromarray(paint),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
        np.testing.assert_array_equal(read_brush(tmp_path / name, invert=False), paint)
    bits = Image.fromarray(np.where(paint > 99, 255, 0).astype(np.uint8)).convert("1")
    bits.save(tmp_path / "bits.png")
    assert (read_brush(tmp_path / "bits.png", invert=False) == 255).any()


def test_bad_brushes_are_refused(tmp_path: Path) -> None:
    def saved(name: str, array: NDArray[np.uint8]) -> str:
        Image.fromarray(array).save(tmp_path / name)
        return str(tmp_path / name)

    colored = np.zeros((4, 4, 3), np.uint8)
    colored[1, 1] = (200, 200, 199)
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "nothing.png").write_bytes(b"")
    wide = saved("wide.png", np.full((1, LARGEST + 1), 255, np.uint8))
    for image, said in [
        (None, "`image` is not set"),
        (str(tmp_path / "missing.png"), r"missing\.png`: cannot be read"),
        (str(tmp_path), "cannot be read"),
        (str(tmp_path / "text.png"), r"text\.png`: not a picture"),
        (str(tmp_path / "nothing.png"), r"nothing\.png`: the file is empty"),
        (saved("colored.png", colored), r"colored\.png`: a brush in colours"),
        (saved("black.png", np.zeros((4, 4), np.uint8)), r"black\.png`: an empty brush"),
        (wide, r"wide\.png`: a brush of more than 2048 pixels \(2049 x 1\)"),
        ("data:image/png;base64,?", "`image` can't be read"),
        ("a\0b.png", "`image` can't be read"),
    ]:
        with pytest.raises(UserError, match=said) as error:
            Brush(image)
        assert "`image" in str(error.value)
    with pytest.raises(UserError, match=r"empty brush, .* or `invert=false`"):
        Brush(saved("white.png", np.full((4, 4), 255, np.uint8)), invert=True)
    with pytest.raises(UserError, match=r"^`invert` is 'no' — give true or false$"):
        Brush(wide, invert="no")  # type: ignore[arg-type]
    assert Brush(saved("largest.png", np.full((1, LARGEST), 255, np.uint8))).slimness < 0.001


def test_a_record_and_an_agent_hold_the_brush_itself(tmp_path: Path) -> None:
    file = tmp_path / "brush.png"
    Image.fromarray(255 - bristles()).save(file)
    kind = Brush(file, invert=True, opaque=True)
    strokes = kind.limit(torch.rand(4, kind.dim, generator=torch.Generator().manual_seed(0)))
    write_record(tmp_path / "strokes.json", StrokeRecord(kind, strokes, 20, 20, None))
    torch.manual_seed(0)
    environment = PaintingEnvironment(AnalyticRenderer(kind, 16), strokes=3, bundle=1)
    policy = PaintingPolicy(Actor(9, environment.action_dim, blocks=[1, 1], width=4), environment)
    policy.save(tmp_path / "agent")
    target = torch.rand(2, 3, 16, 16)
    painted = policy.paint(target)
    file.unlink()
    read = read_record(tmp_path / "strokes.json")
    assert torch.equal(read.strokes, strokes)
    shape = strokes[:, : kind.shape_dim]
    assert torch.equal(read.stroke.rasterize(shape, 20, 20), kind.rasterize(shape, 20, 20))
    loaded = PaintingPolicy.load(tmp_path, stroke=kind)
    assert loaded.stroke.limits() == {"opaque": True}
    for found, wanted in zip(loaded.paint(target), painted, strict=True):
        assert torch.equal(found, wanted)
    with pytest.raises(UserError, match=r"has stroke\.image 40x24-\w+, not 4x4-\w+"):
        PaintingPolicy.load(tmp_path, stroke=brush(noise(4, 4)))
