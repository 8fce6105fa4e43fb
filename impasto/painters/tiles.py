"""Strokes on tiles: the rasterizer and the compositing that gradient descent runs through.

The canvas is cut into square tiles, and a stroke is drawn only on the tiles that its box touches:
one *row* per pair. Tiles do not see each other, so all are composited at once, layer by layer. Rows
are sorted by layer, and tiles by how many layers they have, so that a layer is a slice of both.

Letters in comments: N strokes, K tiles, R rows, T pixels on a tile's side.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from impasto.strokes.raster.frame import Windows
from impasto.strokes.raster.outlines import Outlines


@dataclass(frozen=True)
class Tiling:
    """Assignment of strokes to tiles and to layers in them.

    Attributes:
        stroke: (R,) int64, the stroke of each row; ascending within every tile.
        place: (R,) int64, the row's tile as a place in `order`.
        corner: (R, 2) int64, x and y of the row's tile in pixels.
        order: (K,) int64, the tiles (row by row over the canvas) by falling number of layers.
        layers: How many tiles have a first layer, a second, and so on; falling.
    """

    stroke: Tensor
    place: Tensor
    corner: Tensor
    order: Tensor
    layers: tuple[int, ...]

    @cached_property
    def slices(self) -> list[slice]:
        """Rows of each layer, the lowest layer first."""
        ends = torch.tensor([0, *self.layers]).cumsum(0).tolist()
        return [slice(start, end) for start, end in pairwise(ends)]


def tile_strokes(outlines: Outlines, tile: int) -> Tiling:
    """Find the tiles of every stroke.

    Args:
        outlines: The shapes, N, in painting order, on a canvas whose sides are multiples of `tile`.
        tile: Pixels on a tile's side.

    Returns:
        The tiling.
    """
    across = outlines.width // tile
    count = across * (outlines.height // tile)
    left, top, right, bottom = outlines.bounds().unbind(1)
    device = left.device
    first_x, first_y = left // tile, top // tile
    columns = (right - 1) // tile - first_x + 1
    each = columns * ((bottom - 1) // tile - first_y + 1)  # (N,) tiles of a stroke
    index = torch.arange(len(each), device=device).repeat_interleave(each)  # (R,)
    nth = torch.arange(len(index), device=device) - (each.cumsum(0) - each)[index]
    x = first_x[index] + nth % columns[index]
    y = first_y[index] + nth // columns[index]
    corner = torch.stack([x, y], dim=1) * tile
    touched = outlines.touched(Windows(tile, tile, index, corner))
    index, x, y = index[touched], x[touched], y[touched]
    return lay_out(index, x, y, across, count, tile)[0]


def lay_out(
    index: Tensor, x: Tensor, y: Tensor, across: int, count: int, tile: int
) -> tuple[Tiling, Tensor]:
    """Assign strokes to layers on their tiles.

    Args:
        index: (R,) int64, the stroke of each row, ascending.
        x: (R,) int64, its tile's column.
        y: (R,) int64, its tile's row.
        across: Tiles in a row of the canvas.
        count: Tiles on the canvas, K.
        tile: Pixels on a tile's side.

    Returns:
        The tiling, and which of the given rows each of its rows is, (R,).
    """
    depth = torch.bincount(y * across + x, minlength=count)  # (K,) layers of a tile
    order = depth.argsort(descending=True, stable=True)
    rank = order.argsort()
    place, by_tile = rank[y * across + x].sort(stable=True)  # strokes still ascend in each tile
    start = depth[order].cumsum(0) - depth[order]
    layer = torch.arange(len(place), device=place.device) - start[place]
    by_layer = (layer * count + place).argsort()
    rows = by_tile[by_layer]
    layers = torch.bincount(layer).tolist() if len(rows) else []
    corner = torch.stack([x, y], dim=1)[rows] * tile
    return Tiling(index[rows], place[by_layer], corner, order, tuple(layers)), rows


def to_tiles(image: Tensor, tile: int) -> Tensor:
    """Cut (C, H, W) into tiles (K, C, T, T), row by row over the image."""
    channels = image.shape[0]
    cut = image.unfold(1, tile, tile).unfold(2, tile, tile)  # (C, H / T, W / T, T, T)
    return cut.permute(1, 2, 0, 3, 4).reshape(-1, channels, tile, tile)


def from_tiles(tiles: Tensor, height: int, width: int) -> Tensor:
    """Put tiles (K, C, T, T) together to (C, H, W)."""
    channels, tile = tiles.shape[1:3]
    grid = tiles.view(height // tile, width // tile, channels, tile, tile)
    return grid.permute(2, 0, 3, 1, 4).reshape(channels, height, width)


def rasterize_rows(outlines: Outlines, tiling: Tiling, tile: int) -> Tensor:
    """Draw the alpha of every row, (R, 1, T, T), differentiable in the shapes."""
    return outlines.draw(Windows(tile, tile, tiling.stroke, tiling.corner)).unsqueeze(1)


def composite_rows(canvas: Tensor, alpha: Tensor, color: Tensor, tiling: Tiling) -> Tensor:
    """Composite all strokes over the tiles in order.

    Args:
        canvas: (K, 3, T, T), the tiles below in the tiling's order; no gradient goes to it.
        alpha: (R, 1, T, T).
        color: (N, 3), or (R, 3) if every row has its own.
        tiling: Their layers.

    Returns:
        (K, 3, T, T), differentiable once, in `alpha` and `color`.
    """
    painted: Tensor = _Composite.apply(canvas, alpha, color.index_select(0, tiling.stroke), tiling)
    return painted


class _Composite(torch.autograd.Function):
    """Compositing with its own backward pass: the canvas is changed in place, no tile is copied."""

    @staticmethod
    def forward(ctx: Any, canvas: Tensor, alpha: Tensor, color: Tensor, tiling: Tiling) -> Tensor:
        canvas = canvas.clone()
        change = canvas.new_empty(len(alpha), *canvas.shape[1:])  # (R, 3, T, T) colour - canvas
        for rows in tiling.slices:
            below = canvas[: rows.stop - rows.start]
            torch.sub(color[rows, :, None, None], below, out=change[rows])
            below.addcmul_(change[rows], alpha[rows])
        ctx.save_for_backward(alpha, change)
        ctx.slices = tiling.slices
        return canvas

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        alpha, change = ctx.saved_tensors
        grad = grad.clone()
        of_alpha = torch.empty_like(alpha)
        of_color = alpha.new_empty(len(alpha), 3)
        for rows in reversed(ctx.slices):
            above = grad[: rows.stop - rows.start]
            of_alpha[rows] = (above * change[rows]).sum(1, keepdim=True)
            through = above * alpha[rows]
            of_color[rows] = through.sum((2, 3))
            above -= through
        return None, of_alpha, of_color, None


def visible(alpha: Tensor, tiling: Tiling) -> tuple[Tensor, Tensor]:
    """Return the weight of every row in the finished canvas, under what is painted over it.

    Args:
        alpha: (R, 1, T, T).
        tiling: Its layers.

    Returns:
        Weights (R, 1, T, T), and what is seen of the ground, (K, 1, T, T): the finished canvas is
        the sum of weight times colour over a tile's rows, plus the rest times the ground.
    """
    rest = alpha.new_ones(len(tiling.order), *alpha.shape[1:])
    weight = torch.empty_like(alpha)
    for rows in reversed(tiling.slices):
        transmittance = rest[: rows.stop - rows.start]
        torch.mul(transmittance, alpha[rows], out=weight[rows])
        transmittance -= weight[rows]
    return weight, rest
