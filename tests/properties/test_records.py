"""The stroke record, for any strokes of any kind: what is written is what is read."""

import re
from pathlib import Path

import hypothesis.strategies as st
import torch
from hypothesis import HealthCheck, given, settings

from impasto.io.images import LARGEST
from impasto.io.record import StrokeRecord, number_range, read_record, write_record
from impasto.strokes import COLOR_DIM, Stroke
from impasto.strokes.conversion import from_record, to_record
from tests.conftest import CONF
from tests.impasto.strokes.kinds import KINDS

SETTINGS = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
unit = st.floats(0, 1, width=32)
colors = st.tuples(unit, unit, unit)


def test_every_stroke_of_the_config_is_tried() -> None:
    texts = [path.read_text() for path in (CONF / "stroke").glob("*.yaml")]
    targets = {found[1] for text in texts if (found := re.search(r"_target_: \S+\.(\w+)", text))}
    tried = {type(kind).__name__ for kind in KINDS}
    assert targets == tried | {"MyPaint"}  # which need not be installed, and has tests of its own


@st.composite
def painted(draw: st.DrawFn, kind: Stroke) -> StrokeRecord:
    """Strokes as a painter leaves them."""
    count = draw(st.integers(0, 4))
    numbers = draw(st.lists(unit, min_size=count * kind.dim, max_size=count * kind.dim))
    strokes = torch.tensor(numbers, dtype=torch.float32).view(count, kind.dim)
    width, height = draw(st.tuples(*[st.integers(1, LARGEST)] * 2))
    return StrokeRecord(kind, strokes, width, height, draw(st.none() | colors))


@SETTINGS
@given(data=st.data())
def test_strokes_survive_a_file(data: st.DataObject, tmp_path: Path) -> None:
    record = data.draw(st.sampled_from(KINDS).flatmap(painted))
    write_record(tmp_path / "a.json", record)
    found = read_record(tmp_path / "a.json")
    assert found.stroke.name == record.stroke.name
    assert found.stroke.options() == record.stroke.options()
    assert (found.width, found.height, found.background) == (
        record.width,
        record.height,
        record.background,
    )
    assert found.strokes.dtype == torch.float32
    # A file has lengths and angles in other units than the vector, and every point by itself; they
    # are rounded on the way. What has no unit is exact.
    kind = record.stroke
    own = [name not in kind.relative for name in kind.parameters] + [True] * COLOR_DIM
    torch.testing.assert_close(found.strokes[:, own], record.strokes[:, own], rtol=0, atol=1e-6)
    # What is relative to a box without width is anywhere in it: the point is the same.
    for ours, theirs in zip(found.strokes, record.strokes, strict=True):
        points = (to_record(kind, strokes[: kind.shape_dim]) for strokes in (ours, theirs))
        first, second = (torch.tensor(list(point.values())) for point in points)
        torch.testing.assert_close(first, second, rtol=0, atol=1e-6)
    assert torch.equal(found.strokes[:, -3:], record.strokes[:, -3:])


@st.composite
def filed(draw: st.DrawFn, kind: Stroke) -> StrokeRecord:
    """Strokes as any program may write them: every number that a record may hold."""
    names = list(to_record(kind, torch.full((kind.shape_dim,), 0.5)))
    ranges = [st.floats(*number_range(name), width=32) for name in names]
    shapes = draw(st.lists(st.tuples(*ranges), max_size=3))
    rows = [
        torch.cat([from_record(kind, dict(zip(names, shape, strict=True))), torch.tensor(color)])
        for shape, color in zip(
            shapes, draw(st.lists(colors, min_size=3, max_size=3)), strict=False
        )
    ]
    strokes = torch.stack(rows) if rows else torch.empty(0, kind.dim)
    return StrokeRecord(kind, strokes, 4, 3, None)


@SETTINGS
@given(data=st.data())
def test_a_file_that_was_read_is_written_as_it_was(data: st.DataObject, tmp_path: Path) -> None:
    record = data.draw(st.sampled_from(KINDS).flatmap(filed))
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    write_record(first, record)
    read = read_record(first)
    write_record(first, read)  # now rounded as the vector is
    write_record(second, read_record(first))
    assert second.read_bytes() == first.read_bytes()
