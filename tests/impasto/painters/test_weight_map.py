"""Weights: strokes go where the error counts."""

import torch

from impasto.compositing import composite_rows, to_tiles
from impasto.painters import AgentPainter, OptimizePainter, Painter
from impasto.painters.color_fit import fit_colors, stroke_worth
from impasto.renderers import AnalyticRenderer
from impasto.rendering import draw_canvas
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Bezier, Circle
from tests.impasto.painters.test_agent import BACKGROUND, MeanColorActor
from tests.impasto.painters.test_optimize import picture
from tests.impasto.painters.test_tiles import H, T, W, ground, plain, small, tiled

SIZE = 32


def left_and_right(painter: Painter, weight: torch.Tensor | None) -> tuple[float, float]:
    target = picture()
    strokes = painter.paint(target, weight=weight)
    canvas = draw_canvas(painter.stroke, strokes, SIZE, SIZE, painter.background)
    error = (canvas - target).square().mean(0)
    return float(error[:, : SIZE // 2].mean()), float(error[:, SIZE // 2 :].mean())


def on_the_left() -> torch.Tensor:
    weight = torch.full((SIZE, SIZE), 0.1)
    weight[:, : SIZE // 2] = 1.9
    return weight


def test_the_error_falls_where_it_counts() -> None:
    painter = OptimizePainter(Bezier(), 10, SIZE, steps=60, tries=8)
    plain, weighted = (left_and_right(painter, weight) for weight in (None, on_the_left()))
    # The share of the left falls to 0.54 of what it was and less, by seed.
    assert weighted[0] / weighted[1] < 0.8 * plain[0] / plain[1]


def test_the_agent_goes_where_the_error_counts() -> None:
    environment = PaintingEnvironment(AnalyticRenderer(Circle(), 16), 2, 2, BACKGROUND)
    painter = AgentPainter(PaintingPolicy(MeanColorActor(), environment), strokes=12)
    weight = torch.full((SIZE, SIZE), 1e-6)
    weight[:, :8] = 4.0
    target = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    weighted, plain = ((painter.paint(target, weight=w)[:, 0] < 0.3).sum() for w in (weight, None))
    assert weighted >= plain + 2


def test_fitted_colors_are_the_least_squares_solution_by_weight() -> None:
    strokes = small(Bezier())
    strokes[:, 10:] = 0.3 + 0.4 * strokes[:, 10:]
    tiling, alpha, canvas = tiled(Bezier(), strokes)
    random = torch.Generator().manual_seed(5)
    target = to_tiles(canvas, T)[tiling.order]
    target = target + 0.02 * torch.randn(target.shape, generator=random).double()
    weight = torch.rand(len(target), 1, T, T, generator=random).double()
    start = strokes[:, 10:]
    colors = fit_colors(alpha, start, ground(tiling), target, tiling, 1e-6, weight)
    assert ((colors > 0) & (colors < 1)).all()

    def error(color: torch.Tensor) -> torch.Tensor:
        canvas = composite_rows(ground(tiling), alpha, color, tiling)
        return ((canvas - target).square() * weight).sum()

    leaf = colors.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(error(leaf), leaf)
    assert gradient.abs().max() < 1e-4
    assert error(colors) < error(fit_colors(alpha, start, ground(tiling), target, tiling, 1e-6))


def test_worth_is_what_leaving_a_stroke_out_costs_by_weight() -> None:
    strokes = small(Bezier(), seed=3)
    tiling, alpha, canvas = tiled(Bezier(), strokes)
    random = torch.Generator().manual_seed(4)
    target = torch.rand(3, H, W, generator=random).double()
    weight = torch.rand(1, H, W, generator=random).double()
    tiles, weights = (to_tiles(image, T)[tiling.order] for image in (target, weight))
    worth = stroke_worth(alpha, strokes[:, 10:], ground(tiling), tiles, tiling, weights)
    for n in range(len(strokes)):
        without = plain(Bezier(), torch.cat([strokes[:n], strokes[n + 1 :]]))
        grown = (without - target).square() - (canvas - target).square()
        torch.testing.assert_close(worth[n], (grown * weight).sum(), rtol=1e-6, atol=1e-9)


def test_equal_weights_change_nothing() -> None:
    painter = OptimizePainter(Bezier(), 6, SIZE, steps=10, tries=4)
    plain = painter.paint(picture())
    assert torch.equal(painter.paint(picture(), weight=torch.ones(SIZE, SIZE)), plain)
