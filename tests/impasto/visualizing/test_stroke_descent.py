"""Strokes that follow a loss."""

import pytest
import torch

from impasto.errors import UserError
from impasto.renderers import AnalyticRenderer
from impasto.strokes import Bezier, Circle
from impasto.strokes.limits import largest, limit_shape
from impasto.visualizing import Descent, Grid, GridCanvas
from tests.impasto.strokes.kinds import KINDS

SIZE = 16


def canvas(stroke: Bezier | Circle, strokes: int) -> GridCanvas:
    return GridCanvas(AnalyticRenderer(stroke, SIZE), Grid(SIZE), strokes, (0.3, 0.3, 0.3))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_shape_and_colour_are_found() -> None:
    """One circle becomes another; on even ground, opacity and colour are one."""
    on = canvas(Circle(), 1)
    wanted = torch.tensor([[0.35, 0.6, 0.7, 1.0, 0.2, 0.9, 0.5]])
    target = on.draw(wanted)
    start = torch.tensor([[0.5, 0.5, 0.4, 0.9, 0.5, 0.5, 0.5]])
    found = Descent(steps=150).run(on, start, lambda one: (one - target).square().mean())
    torch.testing.assert_close(found[:, :3], wanted[:, :3], atol=0.02, rtol=0)
    shades = [strokes[:, 3:4] * (strokes[:, 4:] - 0.3) for strokes in (found, wanted)]
    torch.testing.assert_close(*shades, atol=0.02, rtol=0)


def test_coordinates_move_by_the_rate_and_all_else_by_twice_that() -> None:
    """Adam's first step is its rate in every number whose gradient is not 0."""
    on = canvas(Circle(), 1)
    start = torch.tensor([[0.4, 0.6, 0.4, 0.5, 0.5, 0.5, 0.5]])
    weight = torch.rand(3, SIZE, SIZE, generator=generator())
    moved = Descent(steps=1, learning_rate=0.01).run(on, start, lambda one: (one * weight).sum())
    change = (moved - start).abs()[0]
    torch.testing.assert_close(change, torch.tensor([0.01] * 2 + [0.02] * 5), atol=1e-5, rtol=0)


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_the_first_strokes_are_seen_and_in_range(stroke: Bezier) -> None:
    start = Descent(spread=0.5).start(stroke, 40, generator())
    assert start.shape == (40, stroke.dim)
    assert ((start >= 0) & (start <= 1)).all()
    shape, color = start[:, : stroke.shape_dim], start[:, stroke.shape_dim :]
    alpha = stroke.rasterize(limit_shape(stroke, shape), 64, 64)
    seen = alpha.amax((1, 2, 3))  # triangles may be thin
    assert seen.min() > 0.01
    assert (seen > 0.5).float().mean() > 0.75
    assert color.std(0).min() > 0.2
    again = Descent(spread=0.5).start(stroke, 40, generator())
    assert torch.equal(start, again)


def test_spread_keeps_the_first_strokes_around_the_middle() -> None:
    start = Descent(spread=0.5, size=1e-6).start(Circle(), 200, generator())
    assert 0.25 <= start[:, :2].min() < 0.27
    assert 0.73 < start[:, :2].max() <= 0.75


def test_grey_strokes_stay_grey() -> None:
    on = canvas(Circle(), 3)
    descent = Descent(steps=5, grayscale=True)
    start = descent.start(Circle(), 3, generator())
    found = descent.run(on, start, lambda one: one[0].sum() - one[1].sum() + one[2].mean())
    color = found[:, -3:]
    assert torch.equal(color, color[:, :1].expand(3, 3))
    assert not torch.equal(color[:, 0], start[:, -3:].mean(1))
    grey = descent.finished(Circle(), start)[:, -1]
    torch.testing.assert_close(grey, start[:, -3:].mean(1))


def test_limits_are_kept_on_the_way_and_once() -> None:
    """What is painted on the way is what is returned in the end."""
    stroke = Bezier(opaque=True, max_width=0.1)
    on = canvas(stroke, 2)
    seen = []

    def loss(picture: torch.Tensor) -> torch.Tensor:
        seen.append(picture.detach())
        return picture.mean()

    told = []
    descent = Descent(steps=3)
    start = descent.start(stroke, 2, generator())
    found = descent.run(on, start, loss, lambda value, strokes: told.append((value, strokes)))
    for column, name in enumerate(stroke.parameters):
        if name.startswith("opacity"):
            assert found[:, column].tolist() == [1, 1]
        if name.startswith("radius"):
            assert found[:, column].max() <= largest(stroke, name) + 1e-6
    assert [value for value, _ in told] == [pytest.approx(float(one.mean())) for one in seen]
    torch.testing.assert_close(on.draw(told[1][1]), seen[2])
    assert torch.equal(told[2][1], found)


@pytest.mark.parametrize(("key", "value"), [("steps", 0), ("learning_rate", 0.0), ("size", -1.0)])
def test_numbers_that_make_no_sense(key: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"^`{key}` is {value} — give"):
        Descent(**{key: value})
