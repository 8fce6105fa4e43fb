"""Best colours of strokes, and the worth of each, in closed form.

Letters in comments: N strokes, C tiles, L layers, R rows, T pixels on a tile's side.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.compositing import Tiling, visible

_ITERATIONS = 40
_PRECISION = 1e-8  # of the energy that is left to that at the start


@torch.no_grad()
def fit_colors(
    alpha: Tensor,
    color: Tensor,
    ground: Tensor,
    target: Tensor,
    tiling: Tiling,
    ridge: float,
    weight: Tensor | None = None,
) -> Tensor:
    """Fit the colours that paint the target best with these shapes: a canvas is linear in them.

    Least squares, drawn a little to the present colours (a hidden stroke's colour is free), then
    cut to [0, 1].

    Args:
        alpha: (R, 1, T, T).
        color: (N, 3), the present colours.
        ground: (C, 3, T, T), the canvas below all strokes, in the tiling's order.
        target: (C, 3, T, T), likewise.
        tiling: The layers.
        ridge: Weight of the present colours, in pixels.
        weight: (C, 1, T, T), how much each pixel's error counts, in the tiling's order; 1 each by
            default.

    Returns:
        (N, 3) in [0, 1].
    """
    visibility, rest = visible(alpha, tiling)
    required = target - rest * ground  # (C, 3, T, T)
    if weight is not None:  # squared errors are weighted if both sides are by its root
        root = weight.sqrt()
        visibility, required = visibility * root[tiling.place], required * root
    painting = _Painting(visibility.flatten(1), tiling, len(color))
    required = required.flatten(2)  # (C, 3, T T)
    missing = painting.moments(required - painting.of(color))  # (N, 3)
    change = _solve(
        lambda d: painting.moments(painting.of(d)) + ridge * d, missing, painting.squares() + ridge
    )
    return (color + change).clamp(0, 1)


@dataclass(frozen=True)
class _Painting:
    """The linear map from colours to a painting, row by row of the tiling: no matrix is formed.

    Attributes:
        rows: (R, T T), how much of each row is seen.
        tiling: The layers.
        count: How many strokes, N.
    """

    rows: Tensor
    tiling: Tiling
    count: int

    def of(self, color: Tensor) -> Tensor:
        """Paint colours (N, 3) on the tiles: (C, 3, T T)."""
        painted = self.rows.new_zeros(len(self.tiling.order), 3, self.rows.shape[1])
        each = color[self.tiling.stroke][:, :, None]
        for rows in self.tiling.slices:
            painted[: rows.stop - rows.start].addcmul_(each[rows], self.rows[rows, None])
        return painted

    def moments(self, tiles: Tensor) -> Tensor:
        """Apply the transposed map, (C, 3, T T) to (N, 3)."""
        moments = self.rows.new_zeros(self.count, 3)
        for rows in self.tiling.slices:
            below = tiles[: rows.stop - rows.start]
            each = (below @ self.rows[rows, :, None]).squeeze(2)
            moments.index_add_(0, self.tiling.stroke[rows], each)
        return moments

    def squares(self) -> Tensor:
        """Return the diagonal of the map's square, (N, 1)."""
        squares = self.rows.square().sum(1, keepdim=True)
        return squares.new_zeros(self.count, 1).index_add_(0, self.tiling.stroke, squares)


def _solve(apply: Callable[[Tensor], Tensor], right: Tensor, diagonal: Tensor) -> Tensor:
    """Solve apply(x) = right for x, (N, 3), by preconditioned conjugate gradients per column.

    Args:
        apply: A symmetric positive definite map.
        right: (N, 3).
        diagonal: Of the map, (N, 1).
    """
    solution = torch.zeros_like(right)
    residual = right
    direction = scaled = residual / diagonal
    energy = (residual * scaled).sum(0)  # (3,)
    enough = _PRECISION * energy.max()
    for _ in range(_ITERATIONS):
        if not energy.max() > enough:
            break
        mapped = apply(direction)
        step = energy / (direction * mapped).sum(0).clamp_min(1e-30)
        solution = solution + step * direction
        residual = residual - step * mapped
        scaled = residual / diagonal
        before, energy = energy, (residual * scaled).sum(0)
        direction = scaled + energy / before.clamp_min(1e-30) * direction
    return solution


@torch.no_grad()
def stroke_worth(
    alpha: Tensor,
    color: Tensor,
    ground: Tensor,
    target: Tensor,
    tiling: Tiling,
    weight: Tensor | None = None,
) -> Tensor:
    """Return by how much the squared error would grow without each stroke, exactly: (N,).

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
    counts = torch.ones_like(error[:, :1]) if weight is None else weight
    rest = alpha.new_ones(len(tiling.order), *alpha.shape[1:])
    worth = color.new_zeros(len(color))
    for rows in reversed(tiling.slices):
        transmittance = rest[: rows.stop - rows.start]
        lost = change[rows] * transmittance
        grown = (lost.square() - 2 * lost * error[: len(lost)]) * counts[: len(lost)]
        worth.index_add_(0, tiling.stroke[rows], grown.sum((1, 2, 3)))
        transmittance *= 1 - alpha[rows]
    return worth
