"""Finished strokes drawn exactly."""

import pytest
import torch
from torch import Tensor

from impasto import rendering
from impasto.compositing import composite
from impasto.renderers import AnalyticRenderer
from impasto.rendering import draw, draw_each
from impasto.rl.environment import PaintingEnvironment
from impasto.strokes import Bezier, Circle

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
    torch.testing.assert_close(painted, last, rtol=0, atol=1e-6)
    assert not painted.requires_grad
    fine = draw(Circle(), given.double(), 12, 20)
    assert fine.dtype == torch.float64
    torch.testing.assert_close(fine.float(), last, rtol=0, atol=1e-5)
    nothing = draw(Circle(), given[:, :0], 4, 6)
    assert nothing.shape == (B, 3, 4, 6)
    assert nothing.eq(0).all()


def test_strokes_drawn_together_are_as_drawn_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces of two strokes and one, all that fits into the memory given."""
    given = torch.rand(B, 5, 13, generator=torch.Generator().manual_seed(0))
    canvas = torch.full((B, 3, 12, 20), 0.5)
    expected = [canvas]
    for number in range(5):
        alpha = Bezier().rasterize(given[:, number, :10], 12, 20)
        canvas = composite(canvas, alpha, given[:, number, 10:])
        expected.append(canvas)
    monkeypatch.setattr(rendering, "_PIXELS", 2 * B * 12 * 20 + 1)
    counted: list[int] = []
    whole = Bezier.rasterize

    def rasterize(self: Bezier, shape: Tensor, height: int, width: int) -> Tensor:
        counted.append(len(shape))
        return whole(self, shape, height, width)

    monkeypatch.setattr(Bezier, "rasterize", rasterize)
    ground = (0.5, 0.5, 0.5)
    each = list(draw_each(Bezier(), given, 12, 20, ground))
    torch.testing.assert_close(each, expected, rtol=0, atol=1e-6)
    assert counted == [2 * B, 2 * B, B]
    painted = draw(Bezier(), given, 12, 20, ground)
    torch.testing.assert_close(painted, expected[-1], rtol=0, atol=1e-6)


def test_it_is_what_the_environment_paints() -> None:
    given = strokes(13)
    world = PaintingEnvironment(AnalyticRenderer(Bezier(), 16), N, 2, (0.3, 0.2, 0.1))
    state = world.reset(torch.zeros(B, 3, 16, 16))
    for bundle in given.split(2, dim=1):
        state = world.step(state, bundle.flatten(1))
    torch.testing.assert_close(draw(Bezier(), given, 16, 16, (0.3, 0.2, 0.1)), state.canvas)
