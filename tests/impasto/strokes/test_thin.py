"""Strokes thinner than the vector's least radius, whose numbers are below 0."""

import pytest
import torch

from impasto.strokes import Bezier, Circle, Rectangle, Stroke
from impasto.strokes.conversion import columns, from_record, into_range, to_record
from tests.impasto.strokes.kinds import KINDS, names

LENGTHS = ("radius", "width", "height", "size")
WIDE = [kind for kind in KINDS if names(kind, *LENGTHS)]
every_wide = pytest.mark.parametrize("stroke", WIDE, ids=lambda kind: kind.name)


@every_wide
@pytest.mark.parametrize("thinnest", [1 / 1000, 1 / 256, 1 / 50])
def test_lengths_reach_down_to_the_thinnest(stroke: Stroke, thinnest: float) -> None:
    far = torch.full((1, stroke.shape_dim), -5.0)
    bounded = into_range(stroke, torch.cat([far, -far]), thinnest)
    assert into_range(stroke, bounded, thinnest).equal(bounded)
    for number, name in enumerate(stroke.parameters):
        low, high = bounded[:, number].tolist()
        if not name.startswith(LENGTHS):
            assert (low, high) == ((0, 0) if name.startswith("angle") else (0, 1))
            continue
        assert high == 1
        full = 1 if name.startswith("radius") else 2
        least = to_record(stroke, bounded[0])[name] / full  # a radius, in shorter sides
        assert least == pytest.approx(min(thinnest, 1 / 256), rel=1e-4)
        assert (low < 0) == (thinnest < 1 / 256)


@every_wide
def test_without_a_thinnest_nothing_is_below_0(stroke: Stroke) -> None:
    assert into_range(stroke, torch.full((1, stroke.shape_dim), -5.5)).min() >= 0


def test_what_is_in_range_stays() -> None:
    strokes = torch.rand(20, 13, generator=torch.Generator().manual_seed(0))
    assert torch.equal(into_range(Bezier(), strokes, 1e-3), strokes)
    turned = into_range(Rectangle(), torch.full((1, 6), 1.25), 1e-3)
    assert turned[0, Rectangle.parameters.index("angle")] == 0.25


@every_wide
@pytest.mark.parametrize("scale", [0.001, 0.1])
def test_places_are_of_the_size_that_is_asked_for(stroke: Stroke, scale: float) -> None:
    generator = torch.Generator().manual_seed(0)
    shape = stroke.place(torch.rand(200, 2, generator=generator), scale, generator, (1.5, 1.0))
    for number, name in enumerate(stroke.parameters):
        if name.startswith(LENGTHS):
            full = 1 if name.startswith("radius") else 2
            sizes = [to_record(stroke, row)[name] / full / scale for row in shape]
            assert 0.4 < sum(sizes) / len(sizes) < 1.6
            assert min(sizes) >= 0  # which is a number of -1/64
            assert (shape[:, number].min() < 0) == (scale < 1 / 256)
        else:
            assert shape[:, number].min() >= 0
            assert shape[:, number].max() <= 1


@pytest.mark.parametrize("stroke", [Circle(), Bezier()])
def test_a_record_of_a_thin_stroke_reads_the_same(stroke: Stroke) -> None:
    shape = 0.2 + 0.6 * torch.rand(stroke.shape_dim, generator=torch.Generator().manual_seed(0))
    shape[columns(stroke, names(stroke, "radius"))] = -0.0125
    back = from_record(stroke, to_record(stroke, shape))
    torch.testing.assert_close(back, shape, rtol=0, atol=1e-6)
    alpha = stroke.rasterize(torch.stack([shape, back]), 600, 600)
    torch.testing.assert_close(alpha[0], alpha[1], rtol=0, atol=1e-4)
    assert alpha.max() > 0.1
