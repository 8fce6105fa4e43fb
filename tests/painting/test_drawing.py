"""Finished strokes drawn exactly."""

import torch
from torch import Tensor

from painting.canvas import composite
from painting.drawing import draw, draw_each
from painting.environment import PaintingEnvironment
from painting.renderers import AnalyticRenderer
from painting.strokes import Bezier, Circle

B, N = 2, 4


def strokes(dim: int) -> Tensor:
    return torch.rand(B, N, dim, generator=torch.Generator().manual_seed(0))


def test_one_canvas_after_each_stroke() -> None:
    circle, given = Circle(), strokes(7)
    canvases = list(draw_each(circle, given, 12, 20, (0.1, 0.5, 0.9)))
    assert len(canvases) == N + 1
    assert canvases[0].shape == (B, 3, 12, 20)
    assert torch.equal(canvases[0][0, :, 3, 4], torch.tensor([0.1, 0.5, 0.9]))
    for number in range(N):
        alpha = circle.rasterize(given[:, number, :4], 12, 20)
        expected = composite(canvases[number], alpha, given[:, number, 4:])
        torch.testing.assert_close(canvases[number + 1], expected)
        assert (canvases[number + 1] - canvases[number]).abs().max() > 0.01


def test_the_painting_is_the_last_canvas_on_black() -> None:
    given = strokes(7)
    *_, last = draw_each(Circle(), given, 12, 20)
    painted = draw(Circle(), given.requires_grad_(), 12, 20)
    assert torch.equal(painted, last)
    assert not painted.requires_grad
    nothing = draw(Circle(), given[:, :0], 4, 6)
    assert nothing.shape == (B, 3, 4, 6)
    assert nothing.eq(0).all()


def test_it_is_what_the_environment_paints() -> None:
    given = strokes(13)
    world = PaintingEnvironment(AnalyticRenderer(Bezier(), 16), N, 2, (0.3, 0.2, 0.1))
    state = world.reset(torch.zeros(B, 3, 16, 16))
    for bundle in given.split(2, dim=1):
        state = world.step(state, bundle.flatten(1))
    torch.testing.assert_close(draw(Bezier(), given, 16, 16, (0.3, 0.2, 0.1)), state.canvas)
