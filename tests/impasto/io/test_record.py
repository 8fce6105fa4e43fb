"""strokes.json: written, read, drawn again; and what is wrong with it is said."""

import json
from pathlib import Path

import pytest
import torch

from impasto.errors import UserError
from impasto.io.record import StrokeRecord, read_record, write_record
from impasto.rendering import draw
from impasto.strokes import Bezier, Circle, Pixel, Stroke
from tests.impasto.strokes.kinds import KINDS, every_kind


def record(stroke: Stroke, count: int = 5) -> StrokeRecord:
    strokes = torch.rand(count, stroke.dim, generator=torch.Generator().manual_seed(0))
    return StrokeRecord(stroke, strokes, width=60, height=40, background=(0.0, 0.25, 1.0))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "strokes.json"
    write_record(path, record(Bezier()))
    return path


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_what_is_read_is_what_was_written(stroke: Stroke, tmp_path: Path) -> None:
    written = record(stroke)
    write_record(tmp_path / "strokes.json", written)
    read = read_record(tmp_path / "strokes.json")
    assert type(read.stroke) is type(stroke)
    assert read.stroke.options() == stroke.options()
    assert (read.width, read.height, read.background) == (60, 40, (0.0, 0.25, 1.0))
    torch.testing.assert_close(read.strokes, written.strokes, rtol=0, atol=1e-6)
    # Order, geometry and colour: drawn again it is the same painting.
    again, first = (draw(one.stroke, one.strokes[None], 40, 60) for one in (read, written))
    assert (again - first).abs().max() < 1e-4


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_the_file_is_exact(stroke: Stroke, tmp_path: Path) -> None:
    """Written again it is the same file, to the last bit but for a relative control point."""
    write_record(tmp_path / "strokes.json", record(stroke))
    read = read_record(tmp_path / "strokes.json")
    write_record(tmp_path / "again.json", read)
    if isinstance(stroke, Bezier):
        again = read_record(tmp_path / "again.json").strokes
        torch.testing.assert_close(again, read.strokes, rtol=0, atol=1e-6)
    else:
        assert torch.equal(read.strokes, record(stroke).strokes)
        assert (tmp_path / "again.json").read_text() == (tmp_path / "strokes.json").read_text()


@pytest.mark.parametrize("stroke", [*every_kind(opaque=True)], ids=lambda kind: kind.name)
def test_limits_hold_in_a_record(stroke: Stroke, tmp_path: Path) -> None:
    stroke = type(stroke)(**stroke.config(), palette=[[0.1, 0.2, 0.3], [0.9, 0.8, 0.7]])
    kept = stroke.limit(record(stroke).strokes)
    write_record(tmp_path / "strokes.json", StrokeRecord(stroke, kept, 60, 40, None))
    entries = json.loads((tmp_path / "strokes.json").read_text())["strokes"]
    colors = torch.tensor(stroke.palette).tolist()
    for entry in entries:
        assert entry["color"] in colors
        assert all(v == 1 for name, v in entry["shape"].items() if name.startswith("opacity"))
    assert torch.equal(read_record(tmp_path / "strokes.json").strokes[:, -3:], kept[:, -3:])


def test_the_file_has_the_documented_fields(file: Path) -> None:
    content = json.loads(file.read_text())
    assert {key: value for key, value in content.items() if key != "strokes"} == {
        "version": 1,
        "stroke": "bezier",
        "width": 60,
        "height": 40,
        "background": [0.0, 0.25, 1.0],
    }
    vector = record(Bezier()).strokes[0].tolist()
    first = content["strokes"][0]
    assert first["color"] == vector[10:]
    assert list(first["shape"]) == list(Bezier.parameters)
    assert first["shape"]["x0"] == vector[0]
    # P1 is absolute and a radius is a fraction of the shorter side.
    assert first["shape"]["x1"] == pytest.approx(vector[0] + (vector[4] - vector[0]) * vector[2])
    assert first["shape"]["radius0"] == pytest.approx((1 + 64 * vector[6]) / 256)


def test_transparent_background_and_no_strokes(tmp_path: Path) -> None:
    path = tmp_path / "strokes.json"
    write_record(path, StrokeRecord(Circle(), torch.empty(0, 7), 3, 2, None))
    read = read_record(path)
    assert read.background is None
    assert read.strokes.shape == (0, 7)


def test_options_are_written_and_wrong_ones_named(tmp_path: Path) -> None:
    path = tmp_path / "strokes.json"
    write_record(path, record(Pixel(grid=5)))
    content = json.loads(path.read_text())
    assert content["options"] == {"grid": 5}
    for options, said in [
        ({"grid": 0}, "`grid` is 0 — give a whole number, from 1 to 1024"),
        ({"cells": 5}, "options that do not fit"),
        (7, "the options are 7"),
    ]:
        path.write_text(json.dumps(content | {"options": options}))
        with pytest.raises(UserError, match=said):
            read_record(path)


def test_nothing_half_written(tmp_path: Path) -> None:
    bad = torch.full((2, Circle().dim), float("nan"))
    with pytest.raises(ValueError, match="JSON"):
        write_record(tmp_path / "strokes.json", StrokeRecord(Circle(), bad, 3, 2, None))
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = file.read_text()

    def full_disk(path: Path, text: str, **_: object) -> None:
        path.write_bytes(text[:20].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_record(file, record(Circle()))
    assert file.read_text() == old
    assert list(file.parent.iterdir()) == [file]


WRONG = {
    "version": ("version", 2, "version 2"),
    "kind": ("stroke", "spiral", "bezier, brush, circle"),
    "width": ("width", 0, "width is 0"),
    "background": ("background", [0, 0, 2], "background"),
    "strokes": ("strokes", None, "no list of strokes"),
    "huge width": ("width", 10**12, "width is 1000000000000 — give .* to 100000"),
    "much": ("height", [0] * 1000, r"height is \[0, 0.{0,40} \.\.\.\] — "),
    "long kind": ("stroke", "x" * 9999, r"unknown stroke kind 'x{10,50}\.\.\.x{10,50}' "),
}


@pytest.mark.parametrize(("key", "value", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_field_is_named(file: Path, key: str, value: object, said: str) -> None:
    content = json.loads(file.read_text()) | {key: value}
    file.write_text(json.dumps(content))
    with pytest.raises(UserError, match=said):
        read_record(file)


@pytest.mark.parametrize(
    ("part", "value"),
    [("color", [0, 0]), ("color", [0, 0, 1.5]), ("shape", {"x0": 0.5}), ("shape", None)],
)
def test_a_wrong_stroke_is_numbered(file: Path, part: str, value: object) -> None:
    content = json.loads(file.read_text())
    content["strokes"][3][part] = value
    file.write_text(json.dumps(content))
    with pytest.raises(UserError, match="stroke 3"):
        read_record(file)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.5", None, True])
def test_a_parameter_must_be_a_number(file: Path, value: object) -> None:
    content = json.loads(file.read_text())
    content["strokes"][2]["shape"]["y1"] = value
    file.write_text(json.dumps(content))
    with pytest.raises(UserError, match="stroke 2"):
        read_record(file)


FAR = {
    "x0": (-2.01, 3.01, float("nan"), float("inf"), 10**400),
    "y2": (-2.01, 3.01),
    "radius1": (-0.001, 4.01),
    "opacity0": (-0.01, 1.01),
}


@pytest.mark.parametrize(("name", "value"), [(k, v) for k, values in FAR.items() for v in values])
def test_a_number_far_outside_is_refused_with_its_stroke(
    file: Path, name: str, value: float
) -> None:
    content = json.loads(file.read_text())
    content["strokes"][4]["shape"][name] = value
    file.write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"strokes\.json: stroke 4: {name} is .* to ") as caught:
        read_record(file)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(file))


def test_a_little_outside_is_kept(file: Path) -> None:
    content = json.loads(file.read_text())
    content["strokes"][4]["shape"] |= {"x0": -2, "y0": 3.0, "x2": 1.25, "radius0": 0}
    file.write_text(json.dumps(content))
    assert read_record(file).strokes[4, :2].tolist() == [-2, 3]


@pytest.mark.parametrize("key", ["stroke", "width", "height", "background", "strokes"])
def test_a_missing_field_is_named(file: Path, key: str) -> None:
    content = json.loads(file.read_text())
    del content[key]
    file.write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"strokes\.json: {key} is missing"):
        read_record(file)


@pytest.mark.parametrize("content", [100_000 * b"[", b"", b"{", b"[1, 2]", b"\xff\xfe\x00"])
def test_what_is_no_record_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "strokes.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"strokes\.json"):
        read_record(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.json: no such file"):
        read_record(tmp_path / "nothing.json")
