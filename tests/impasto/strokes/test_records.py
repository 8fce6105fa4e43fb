"""The vector of a stroke, and how it stands in a file."""

import pytest
import torch

from impasto.errors import UserError
from impasto.strokes import Bezier, Circle, Line, Stroke, Triangle
from impasto.strokes.conversion import from_record, to_record

BEZIER = Bezier()


def test_dimensions() -> None:
    dims = {
        kind.name: (kind.shape_dim, kind.dim) for kind in (BEZIER, Line(), Circle(), Triangle())
    }
    assert dims == {"bezier": (10, 13), "line": (8, 11), "circle": (4, 7), "triangle": (7, 10)}
    assert BEZIER.parameters == (
        "x0",
        "y0",
        "x1",
        "y1",
        "x2",
        "y2",
        "radius0",
        "opacity0",
        "radius1",
        "opacity1",
    )


def test_samples_are_uniform_and_reproducible(kind: Stroke) -> None:
    shape = kind.sample(2000, torch.Generator().manual_seed(5))
    assert shape.shape == (2000, kind.shape_dim)
    assert shape.dtype == torch.float32
    assert 0 <= shape.min() < 0.01
    assert 0.99 < shape.max() <= 1
    torch.testing.assert_close(shape.mean(0), torch.full((kind.shape_dim,), 0.5), atol=0.04, rtol=0)
    assert torch.equal(shape, kind.sample(2000, torch.Generator().manual_seed(5)))
    state = torch.get_rng_state()
    assert not torch.equal(shape, kind.sample(2000, torch.Generator().manual_seed(6)))
    assert torch.equal(torch.get_rng_state(), state)  # the global generator is not touched


def test_records_and_vectors_are_inverse(kind: Stroke) -> None:
    for vector in kind.sample(100, torch.Generator().manual_seed(0)):
        record = to_record(kind, vector)
        assert tuple(record) == kind.parameters
        back = from_record(kind, record)
        assert back.dtype == torch.float32
        torch.testing.assert_close(back, vector, atol=1e-7, rtol=1e-6)
        assert to_record(kind, back) == pytest.approx(record, abs=1e-7)


def test_a_record_is_absolute() -> None:
    """The control point, and radii as fractions of the shorter side: (1 + 64 r) / 256."""
    vector = torch.tensor([0.25, 0.5, 0.5, 0.25, 0.75, 1.0, 0.0, 1.0, 0.5, 0.125])
    assert to_record(BEZIER, vector) == {
        "x0": 0.25,
        "y0": 0.5,
        "x1": 0.5,
        "y1": 0.625,
        "x2": 0.75,
        "y2": 1.0,
        "radius0": 1 / 256,
        "opacity0": 1.0,
        "radius1": 33 / 256,
        "opacity1": 0.125,
    }


def test_a_record_draws_what_the_vector_draws() -> None:
    """The file's numbers, read by hand: a circle's radius in pixels at any size."""
    record = to_record(Circle(), torch.tensor([0.5, 0.5, 0.7, 1.0]))
    for size in (64, 128):
        alpha = Circle().rasterize(from_record(Circle(), record)[None], size, size)
        pixels = record["radius"] * size
        assert alpha.sum().item() == pytest.approx(torch.pi * pixels**2, rel=5e-3)


def test_a_control_point_outside_the_box_is_kept() -> None:
    record = to_record(BEZIER, torch.full((10,), 0.5)) | {"x0": 0.2, "x1": 0.9, "x2": 0.4}
    assert from_record(BEZIER, record)[2] == pytest.approx(3.5)
    assert to_record(BEZIER, from_record(BEZIER, record)) == pytest.approx(record)


@pytest.mark.parametrize("end", [0.5, 0.5 + 1e-12])
def test_a_curve_that_ends_above_its_start_is_bent(end: float) -> None:
    record = to_record(BEZIER, torch.full((10,), 0.5)) | {"x0": 0.5, "x1": 0.9, "x2": end}
    again = to_record(BEZIER, from_record(BEZIER, record))
    assert again == pytest.approx(record, abs=2e-6)


def test_a_box_without_width_has_a_control_point() -> None:
    vector = torch.tensor([0.3, 0.2, 0.9, 0.5, 0.3, 0.8, 0.1, 1.0, 0.1, 1.0])  # x2 = x0
    back = from_record(BEZIER, to_record(BEZIER, vector))
    assert back.isfinite().all()
    drawn = [BEZIER.rasterize(shape[None], 32, 32) for shape in (vector, back)]
    torch.testing.assert_close(*drawn)


@pytest.mark.parametrize(
    "change",
    [{"x9": 0.5}, {"x0": None}, {"x0": "left"}, {"x0": float("nan")}, {"x0": float("inf")}],
    ids=str,
)
def test_a_bad_record_is_refused(kind: Stroke, change: dict[str, float]) -> None:
    name = kind.parameters[0]
    change = {name if key == "x0" else key: value for key, value in change.items()}
    record = to_record(kind, torch.full((kind.shape_dim,), 0.5)) | change
    with pytest.raises(UserError, match=kind.name):
        from_record(kind, record)


def test_a_missing_parameter_is_named(kind: Stroke) -> None:
    record = to_record(kind, torch.full((kind.shape_dim,), 0.5))
    record.popitem()
    with pytest.raises(UserError, match=kind.parameters[-1]):
        from_record(kind, record)
