"""What follows from a drawing in closed form: the best colours, and what each stroke is worth.

Letters in comments: N strokes, K tiles, L layers, R rows, T pixels on a tile's side.
"""

import torch
from torch import Tensor

from painting.painters.tiles import Tiling, visible


@torch.no_grad()
def fit_colors(
    alpha: Tensor, color: Tensor, ground: Tensor, target: Tensor, tiling: Tiling, ridge: float
) -> Tensor:
    """The colours that paint the target best with these shapes: a canvas is linear in them.

    Least squares, drawn a little to the present colours (a hidden stroke's colour is free), then
    cut to [0, 1].

    Args:
        alpha: (R, 1, T, T).
        color: (N, 3), the present colours.
        ground: (K, 3, T, T), the canvas below all strokes, in the tiling's order.
        target: (K, 3, T, T), likewise.
        tiling: The layers.
        ridge: Weight of the present colours, in pixels.

    Returns:
        (N, 3) in [0, 1].
    """
    count = len(color)
    weight, rest = visible(alpha, tiling)
    rows = weight.flatten(1)  # (R, T T)
    wanted = (target - rest * ground)[tiling.place].flatten(2)  # (R, 3, T T)
    moments = (wanted @ rows[:, :, None]).squeeze(2)  # (R, 3)
    right = (ridge * color).index_add_(0, tiling.stroke, moments)

    # The Gram matrix tile by tile: (K, L, T T) against itself, empty layers being zero.
    layer = torch.cat([rows.new_full((n,), i) for i, n in enumerate(tiling.layers)]).long()
    padded = rows.new_zeros(len(tiling.order), len(tiling.layers), rows.shape[1])
    padded[tiling.place, layer] = rows
    owner = tiling.stroke.new_zeros(padded.shape[:2])
    owner[tiling.place, layer] = tiling.stroke
    pairs = owner[:, :, None] * count + owner[:, None, :]  # (K, L, L)
    gram = rows.new_zeros(count * count)
    gram.index_add_(0, pairs.flatten(), (padded @ padded.mT).flatten())
    left = gram.view(count, count) + ridge * torch.eye(count, device=rows.device)
    solution: Tensor = torch.linalg.solve(left, right)
    return solution.clamp(0, 1)


@torch.no_grad()
def stroke_worth(
    alpha: Tensor, color: Tensor, ground: Tensor, target: Tensor, tiling: Tiling
) -> Tensor:
    """By how much the squared error would grow if a stroke were left out, exactly: (N,).

    Negative for a stroke that spoils the painting. The arguments are those of `fit_colors`.
    """
    canvas = ground.clone()
    change = canvas.new_empty(len(alpha), *canvas.shape[1:])  # (R, 3, T, T)
    each = color[tiling.stroke][:, :, None, None]
    for rows in tiling.slices:
        below = canvas[: rows.stop - rows.start]
        change[rows] = (each[rows] - below) * alpha[rows]
        below += change[rows]
    error = canvas - target
    rest = alpha.new_ones(len(tiling.order), *alpha.shape[1:])
    worth = color.new_zeros(len(color))
    for rows in reversed(tiling.slices):
        seen = rest[: rows.stop - rows.start]
        lost = change[rows] * seen
        grown = (lost.square() - 2 * lost * error[: len(lost)]).sum((1, 2, 3))
        worth.index_add_(0, tiling.stroke[rows], grown)
        seen *= 1 - alpha[rows]
    return worth
