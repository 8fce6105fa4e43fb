"""Tiled canvas beside its target, on which painters draw and judge strokes.

Letters in comments: N strokes, C tiles, R rows, T pixels on a tile's side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from impasto.canvas import blank_canvas, decibels
from impasto.compositing import Tiling, composite_rows, from_tiles, rasterize_tiles, to_tiles
from impasto.painters.color_fit import fit_colors, stroke_worth
from impasto.strokes import Stroke

TILE = 8  # pixels; divides every canvas size, and wastes little on small strokes


@dataclass
class Drawing:
    """Strokes drawn on the tiles, all in the tiling's order."""

    tiling: Tiling
    alpha: Tensor  # (R, 1, T, T), without a gradient
    color: Tensor  # (N, 3), within the palette
    ground: Tensor  # (C, 3, T, T)
    target: Tensor  # (C, 3, T, T)
    weight: Tensor  # (C, 1, T, T), of every pixel; 1 on the mean
    canvas: Tensor  # (C, 3, T, T)

    @property
    def error(self) -> Tensor:
        """Mean squared error by the weights, a scalar, by which strokes are judged."""
        return ((self.canvas - self.target).square() * self.weight).mean()

    @property
    def psnr(self) -> float:
        """Peak signal to noise ratio, of all pixels alike, dB."""
        return decibels(functional.mse_loss(self.canvas.detach(), self.target))


class TiledCanvas:
    """Blank canvas beside the target (3, H, W), both cut into tiles.

    Args:
        stroke: The stroke kind.
        target: (3, H, W) in [0, 1].
        background: RGB in [0, 1] of the blank canvas.
        weight: (H, W), how much each pixel's error counts, 1 on the mean; all alike by default.
    """

    def __init__(
        self,
        stroke: Stroke,
        target: Tensor,
        background: Sequence[float],
        weight: Tensor | None = None,
    ) -> None:
        self.stroke = stroke
        self.height, self.width = target.shape[1:]
        self.target = target
        self.weight = torch.ones_like(target[0]) if weight is None else weight
        blank = blank_canvas(1, self.height, self.width, background, target.device)[0]
        self._tiles = [to_tiles(part, TILE) for part in (blank, target, self.weight[None])]

    def draw(self, strokes: Tensor, over: Tensor | None = None) -> Drawing:
        """Draw strokes (N, D) differentiably.

        Args:
            strokes: Of the kind, in painting order.
            over: (3, H, W), what they are painted over; the blank canvas by default.
        """
        shape, color = self._split(strokes)
        outlines = self.stroke.outlines(shape, self.height, self.width)
        tiling, alpha = rasterize_tiles(outlines, TILE)
        all_tiles = self._tiles if over is None else [to_tiles(over, TILE), *self._tiles[1:]]
        ground, target, weight = (tiles[tiling.order] for tiles in all_tiles)
        canvas = composite_rows(ground, alpha, color, tiling)
        return Drawing(tiling, alpha.detach(), color.detach(), ground, target, weight, canvas)

    @torch.no_grad()
    def canvas(self, strokes: Tensor, over: Tensor | None = None) -> Tensor:
        """Draw strokes (N, D) as one canvas (3, H, W), over another as in `draw`."""
        drawing = self.draw(strokes, over)
        tiles = torch.empty_like(drawing.canvas)
        tiles[drawing.tiling.order] = drawing.canvas
        return from_tiles(tiles, self.height, self.width)

    @torch.no_grad()
    def most_useful(self, strokes: Tensor, remove: int) -> Tensor:
        """Return the indices, in painting order, of all but the `remove` least useful strokes."""
        if not remove:
            return torch.arange(len(strokes), device=strokes.device)
        return self.worth(strokes).argsort(stable=True)[remove:].sort()[0]

    @torch.no_grad()
    def worth(self, strokes: Tensor) -> Tensor:
        """Return by how much the squared error would grow without each stroke, (N,)."""
        drawing = self.draw(strokes)
        parts = (drawing.alpha, drawing.color, drawing.ground, drawing.target, drawing.tiling)
        return stroke_worth(*parts, drawing.weight)

    def fit(self, strokes: Tensor, drawing: Drawing, ridge: float) -> Tensor:
        """Return strokes (N, D) with the colours that fit what was drawn of their shapes.

        Args:
            strokes: With the colours that the new ones stay near to.
            drawing: Of the same strokes within their limits.
            ridge: How near, as a share of the canvas's pixels.
        """
        shape, color = self._split(strokes)
        alpha, ground, target = drawing.alpha, drawing.ground, drawing.target
        pixels = ridge * self.height * self.width
        color = fit_colors(alpha, color, ground, target, drawing.tiling, pixels, drawing.weight)
        return torch.cat([shape, color], dim=1)

    def _split(self, strokes: Tensor) -> tuple[Tensor, Tensor]:
        return strokes[:, : self.stroke.shape_dim], strokes[:, self.stroke.shape_dim :]
