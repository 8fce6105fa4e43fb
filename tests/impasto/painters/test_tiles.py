"""Strokes on tiles against the plain drawing of them."""

import pytest
import torch

from impasto.compositing import (
    Tiling,
    composite_rows,
    from_tiles,
    rasterize_tiles,
    to_tiles,
    visible,
)
from impasto.painters.color_fit import fit_colors, stroke_worth
from impasto.rendering import draw_each
from impasto.strokes import Bezier, Circle, Stroke
from tests.impasto.strokes.kinds import KINDS

H, W, T = 32, 48, 8
N = 12


def small(stroke: Stroke, seed: int = 0) -> torch.Tensor:
    """Strokes (N, D) of which many overlap, none covers everything."""
    generator = torch.Generator().manual_seed(seed)
    center = torch.rand(N, 2, generator=generator) * 0.6
    shape = stroke.place(center, 0.12, generator)
    shape = shape * 0.9 + 0.05 * stroke.sample(N, generator)
    return torch.cat([shape, torch.rand(N, 3, generator=generator)], dim=1).double()


def plain(stroke: Stroke, strokes: torch.Tensor) -> torch.Tensor:
    """The canvas (3, H, W) by the plain drawing, differentiably."""
    *_, canvas = draw_each(stroke, strokes[None], H, W, (0.1, 0.2, 0.3))
    return canvas[0]


def ground(tiling: Tiling) -> torch.Tensor:
    blank = torch.tensor([0.1, 0.2, 0.3]).double().view(3, 1, 1).expand(3, H, W)
    return to_tiles(blank, T)[tiling.order]


def tiled(stroke: Stroke, strokes: torch.Tensor) -> tuple[Tiling, torch.Tensor, torch.Tensor]:
    """The tiling, alpha, and the canvas (3, H, W) put together from tiles."""
    shape, color = strokes[:, : stroke.shape_dim], strokes[:, stroke.shape_dim :]
    outlines = stroke.outlines(shape, H, W)
    tiling, alpha = rasterize_tiles(outlines, T)
    canvas = composite_rows(ground(tiling), alpha, color, tiling)
    place = tiling.order.argsort()
    return tiling, alpha, from_tiles(canvas[place], H, W)


def test_cutting_and_joining() -> None:
    image = torch.rand(3, H, W)
    tiles = to_tiles(image, T)
    assert tiles.shape == (H // T * W // T, 3, T, T)
    assert torch.equal(tiles[W // T + 2], image[:, T : 2 * T, 2 * T : 3 * T])
    assert torch.equal(from_tiles(tiles, H, W), image)


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_tiles_draw_the_same_with_the_same_gradient(stroke: Stroke) -> None:
    strokes = small(stroke).requires_grad_()
    wanted = plain(stroke, strokes)
    tiling, _, canvas = tiled(stroke, strokes)
    torch.testing.assert_close(canvas, wanted)
    assert len(tiling.stroke) < N * len(tiling.order)  # not every stroke on every tile
    weight = torch.rand(3, H, W, generator=torch.Generator().manual_seed(2)).double()
    expected = torch.autograd.grad((wanted * weight).sum(), strokes)
    torch.testing.assert_close(torch.autograd.grad((canvas * weight).sum(), strokes), expected)


def test_no_strokes_leave_the_ground() -> None:
    none = torch.empty(0, 7).double()
    canvas = tiled(Circle(), none)[2]
    torch.testing.assert_close(canvas, plain(Circle(), none), check_dtype=False)


def test_visible_weights_give_the_canvas() -> None:
    strokes = small(Bezier())
    tiling, alpha, canvas = tiled(Bezier(), strokes)
    weight, rest = visible(alpha, tiling)
    total = rest * ground(tiling)
    total.index_add_(0, tiling.place, weight * strokes[tiling.stroke, 10:, None, None])
    torch.testing.assert_close(from_tiles(total[tiling.order.argsort()], H, W), canvas)


def test_fitted_colors_are_the_least_squares_solution() -> None:
    true = small(Bezier())
    tiling, alpha, canvas = tiled(Bezier(), true)
    target = to_tiles(canvas, T)[tiling.order]
    start = torch.full((N, 3), 0.5).double()
    fitted = fit_colors(alpha, start, ground(tiling), target, tiling, ridge=1e-9)
    weight, _ = visible(alpha, tiling)
    seen = torch.zeros(N).double().index_add_(0, tiling.stroke, weight.sum((1, 2, 3)))
    assert (seen > 5).sum() >= N // 2
    torch.testing.assert_close(
        fitted[seen > 5], true[seen > 5, 10:], rtol=0, atol=2e-4
    )  # below a byte


def test_fitted_colors_stay_in_range_and_hidden_ones_stay() -> None:
    strokes = small(Circle())
    strokes[1:, :4] = torch.tensor([0.5, 0.5, 0.3, 1.0]).double()  # all in one place, opaque,
    strokes[-1, 2] = 1.0  # and under the last one
    tiling, alpha, _ = tiled(Circle(), strokes)
    target = torch.full_like(ground(tiling), 2.0)
    fitted = fit_colors(alpha, strokes[:, 4:], ground(tiling), target, tiling, ridge=1e-6)
    assert (fitted[-1] == 1).all()
    torch.testing.assert_close(fitted[3], strokes[3, 4:])


def test_worth_is_what_leaving_a_stroke_out_costs() -> None:
    stroke, strokes = Bezier(), small(Bezier(), seed=3)
    tiling, alpha, canvas = tiled(stroke, strokes)
    target = torch.rand(3, H, W, generator=torch.Generator().manual_seed(4)).double()
    tiles = to_tiles(target, T)[tiling.order]
    worth = stroke_worth(alpha, strokes[:, 10:], ground(tiling), tiles, tiling)
    error = (canvas - target).square().sum()
    for n in range(N):
        without = plain(stroke, torch.cat([strokes[:n], strokes[n + 1 :]]))
        cost = (without - target).square().sum() - error
        torch.testing.assert_close(worth[n], cost, rtol=1e-6, atol=1e-9)
