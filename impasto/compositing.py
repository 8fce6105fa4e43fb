"""Compositing: paint laid over canvases, stroke after stroke.

`composite` lays one stroke over whole canvases, and `paint` a bundle: the papers' equation, with a
gradient in all that goes in. `composite_rows` lays many strokes over a canvas in tiles; its sums
are fused, so that they may differ from the equation's in the last bit.

A stroke is drawn only on the tiles that it touches: one *row* per pair. Tiles do not see each
other, so all are composited at once, layer by layer. Rows are sorted by layer, and tiles by how
many layers they have, so that a layer is a slice of both. A tile may be as large as its canvas:
`whole_canvases` tiles a batch so.

Shapes: B canvases, H rows, W columns, K strokes of a bundle; N strokes, R rows, C tiles, T pixels
on a tile's side. RGB floats in [0, 1].
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from impasto.strokes.raster.frame import Windows
from impasto.strokes.raster.outlines import Outlines


def composite(canvas: Tensor, alpha: Tensor, color: Tensor) -> Tensor:
    """Composite one stroke over each canvas: C (1 - alpha) + alpha * colour (SARA, Algorithm 1).

    Args:
        canvas: (B, 3, H, W).
        alpha: (B, 1, H, W); 1 is paint, 0 leaves the canvas.
        color: (B, 3).

    Returns:
        (B, 3, H, W).
    """
    return canvas + alpha * (color[:, :, None, None] - canvas)


def paint(canvas: Tensor, alpha: Tensor, color: Tensor) -> Tensor:
    """Composite a bundle of strokes over each canvas, the first one lowest.

    Args:
        canvas: (B, 3, H, W).
        alpha: (B, K, 1, H, W).
        color: (B, K, 3).

    Returns:
        (B, 3, H, W).
    """
    for k in range(alpha.shape[1]):
        canvas = composite(canvas, alpha[:, k], color[:, k])
    return canvas


@dataclass(frozen=True)
class Tiling:
    """Assignment of strokes to tiles and to layers in them.

    Attributes:
        stroke: (R,) int64, the stroke of each row; ascending within every tile.
        place: (R,) int64, the row's tile as a place in `order`.
        corner: (R, 2) int64, x and y of the row's tile in pixels.
        order: (C,) int64, the tiles (row by row over the canvas) by falling number of layers.
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


def rasterize_tiles(outlines: Outlines, tile: int) -> tuple[Tiling, Tensor]:
    """Find the tiles of every stroke, and draw it on them.

    Args:
        outlines: The shapes, N, in painting order.
        tile: Pixels on a tile's side.

    Returns:
        The tiling, and alpha of every row, (R, 1, T, T), differentiable in the shapes.
    """
    across, down = -(-outlines.width // tile), -(-outlines.height // tile)
    tiling, _ = lay_out(*rows_of(outlines, tile), across, across * down, tile)
    return tiling, outlines.draw(Windows(tile, tile, tiling.stroke, tiling.corner)).unsqueeze(1)


def rows_of(outlines: Outlines, tile: int) -> tuple[Tensor, Tensor, Tensor]:
    """Find the tiles that every stroke touches.

    Args:
        outlines: The shapes, N, in painting order.
        tile: Pixels on a tile's side.

    Returns:
        Of each row, (R,) int64, the stroke, ascending, and its tile's column and row.
    """
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
    return index[touched], x[touched], y[touched]


def whole_canvases(strokes: int, canvases: int, device: torch.device) -> Tiling:
    """Return the tiling of strokes of a batch of canvases, each of which is one tile.

    Args:
        strokes: How many on every canvas, N.
        canvases: How many, B.
        device: Where the result lies.

    Returns:
        The tiling of N * B strokes: the first one of each canvas, then the second ones.
    """
    index, order = (torch.arange(n, device=device) for n in (strokes * canvases, canvases))
    corner = torch.zeros(len(index), 2, dtype=torch.long, device=device)
    return Tiling(index, order.repeat(strokes), corner, order, (canvases,) * strokes)


def lay_out(
    index: Tensor, x: Tensor, y: Tensor, across: int, count: int, tile: int
) -> tuple[Tiling, Tensor]:
    """Assign strokes to layers on their tiles.

    Args:
        index: (R,) int64, the stroke of each row, ascending.
        x: (R,) int64, its tile's column.
        y: (R,) int64, its tile's row.
        across: Tiles in a row of the canvas.
        count: Tiles on the canvas, C.
        tile: Pixels on a tile's side.

    Returns:
        The tiling, and which of the given rows each of its rows is, (R,).
    """
    depth = torch.bincount(y * across + x, minlength=count)  # (C,) layers of a tile
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
    """Cut images (D, H, W) or (B, D, H, W) into tiles (C, D, T, T) or (B * C, D, T, T), by rows.

    What a tile has beyond the image is 0.
    """
    height, width = image.shape[-2:]
    if height % tile or width % tile:
        image = functional.pad(image, (0, -width % tile, 0, -height % tile))
    cut = image.unflatten(-2, (-1, tile)).unflatten(-1, (-1, tile))  # (..., D, H / T, T, W / T, T)
    tiles: Tensor = cut.movedim((-4, -2), (-5, -4)).flatten(0, -4)
    return tiles


def from_tiles(tiles: Tensor, height: int, width: int) -> Tensor:
    """Put tiles (C, D, T, T) together to (D, H, W), without what they have beyond it."""
    channels, tile = tiles.shape[1:3]
    down, across = -(-height // tile), -(-width // tile)
    grid = tiles.view(down, across, channels, tile, tile).permute(2, 0, 3, 1, 4)
    return grid.reshape(channels, down * tile, across * tile)[:, :height, :width]


def composite_rows(canvas: Tensor, alpha: Tensor, color: Tensor, tiling: Tiling) -> Tensor:
    """Composite all strokes over the tiles in order.

    Args:
        canvas: (C, 3, T, T), the tiles below in the tiling's order; no gradient goes to it.
        alpha: (R, 1, T, T).
        color: (N, 3), or (R, 3) if every row has its own.
        tiling: Their layers.

    Returns:
        (C, 3, T, T), differentiable once, in `alpha` and `color`.
    """
    painted: Tensor = _Composite.apply(canvas, alpha, color.index_select(0, tiling.stroke), tiling)
    return painted


class _Composite(torch.autograd.Function):
    """Compositing with its own backward pass: the canvas is changed in place, no tile is copied."""

    @staticmethod
    def forward(ctx: Any, canvas: Tensor, alpha: Tensor, color: Tensor, tiling: Tiling) -> Tensor:
        canvas = canvas.clone()
        kept = len(alpha) if any(ctx.needs_input_grad) else len(canvas)
        change = canvas.new_empty(kept, *canvas.shape[1:])  # (R or C, 3, T, T) colour - canvas
        for rows in tiling.slices:
            below = canvas[: rows.stop - rows.start]
            over = change[rows] if kept == len(alpha) else change[: len(below)]
            torch.sub(color[rows, :, None, None], below, out=over)
            below.addcmul_(over, alpha[rows])
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
        Weights (R, 1, T, T), and what is seen of the ground, (C, 1, T, T): the finished canvas is
        the sum of weight times colour over a tile's rows, plus the rest times the ground.
    """
    rest = alpha.new_ones(len(tiling.order), *alpha.shape[1:])
    weight = torch.empty_like(alpha)
    for rows in reversed(tiling.slices):
        transmittance = rest[: rows.stop - rows.start]
        torch.mul(transmittance, alpha[rows], out=weight[rows])
        transmittance -= weight[rows]
    return weight, rest
