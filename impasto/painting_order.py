"""Order in which a person would paint strokes: large ones first, then what is near, next."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.compositing import rows_of
from impasto.strokes import Stroke

_TILE = 8  # pixels; strokes that meet in a tile keep their order
_STEP = 1.6  # between two sizes of brushes


@torch.no_grad()
def painting_order(stroke: Stroke, strokes: Tensor, height: int, width: int) -> Tensor:
    """Order strokes for a film of the painting, without changing the finished picture.

    Strokes that have a tile in common stay as they are; the others are sorted topologically (Kahn,
    1962): of those under which all is painted, one of the largest brush, nearest to the last.

    Args:
        stroke: The stroke kind.
        strokes: (N, D) in [0, 1], in painting order.
        height: Rows of the film.
        width: Columns.

    Returns:
        (N,) int64, the strokes' numbers in their new order; the old one for a kind that draws with
        random numbers, which follow the order.
    """
    count = len(strokes)
    if stroke.random or count < 2:
        return torch.arange(count)
    outlines = stroke.outlines(strokes[:, : stroke.shape_dim], height, width)
    owner, x, y = (part.cpu().numpy() for part in rows_of(outlines, _TILE))
    boxes = outlines.bounds().double().cpu().numpy()
    sides = boxes[:, 2:] - boxes[:, :2]
    brush = np.floor(np.log(sides.prod(1)) / (2 * np.log(_STEP))).astype(np.int64)
    begin, above = _above(owner, y * (-(-width // _TILE)) + x, count)
    return torch.from_numpy(_sorted(begin, above, brush, boxes[:, :2] + sides / 2))


def _above(
    owner: NDArray[np.int64], tile: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which strokes lie next above each on any tile, (E,), and where its own begin."""
    order = np.argsort(tile, kind="stable")
    owner, tile = owner[order], tile[order]
    same = tile[1:] == tile[:-1]
    pairs = np.unique(owner[:-1][same] * count + owner[1:][same])
    return np.searchsorted(pairs // count, np.arange(count + 1)), pairs % count


def _sorted(
    begin: NDArray[np.int64],
    above: NDArray[np.int64],
    brush: NDArray[np.int64],
    center: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Sort strokes topologically, by their brushes and places (N, 2)."""
    below = np.bincount(above, minlength=len(brush))
    free = np.zeros(len(brush), bool)
    free[below == 0] = True
    order = np.empty(len(brush), np.int64)
    last = center.mean(0)
    for number in range(len(order)):
        ready = np.flatnonzero(free)
        ready = ready[brush[ready] == brush[ready].max()]
        chosen = ready[np.square(center[ready] - last).sum(1).argmin()]
        order[number], free[chosen], last = chosen, False, center[chosen]
        for one in above[begin[chosen] : begin[chosen + 1]]:
            below[one] -= 1
            free[one] = below[one] == 0
    return order
