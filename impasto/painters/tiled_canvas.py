"""Tiled canvas beside its target, on which painters draw and judge strokes.

Letters in comments: N strokes, C tiles, R rows, T pixels on a tile's side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from impasto.canvas import blank_canvas, decibels
from impasto.compositing import Tiling, composite_rows, from_tiles, rasterize_tiles, to_tiles
from impasto.painters.color_fit import fit_colors, stroke_worth
from impasto.painters.objective import Distance
from impasto.strokes import Stroke

TILE = 8  # pixels; divides every canvas size, and wastes little on small strokes
_DRAWN = 2**11  # shapes at once, that are tried: in bounded memory


class Drawing(Protocol):
    """Strokes drawn beside a target."""

    @property
    def error(self) -> Tensor:
        """Mean squared error by the weights and any further distance, a scalar."""

    @property
    def psnr(self) -> float:
        """Peak signal to noise ratio, of all pixels alike, dB."""


@dataclass
class TensorDrawing:
    """Strokes drawn on the tiles, all in the tiling's order; see `Drawing`."""

    tiling: Tiling
    alpha: Tensor  # (R, 1, T, T), without a gradient
    color: Tensor  # (N, 3), within the palette
    ground: Tensor  # (C, 3, T, T)
    target: Tensor  # (C, 3, T, T)
    weight: Tensor  # (C, 1, T, T), of every pixel; 1 on the mean of the picture
    inside: Tensor  # (C, 1, T, T), 1 in the picture; 0 where a tile reaches beyond it
    canvas: Tensor  # (C, 3, T, T)
    further: Tensor | float = 0.0  # distance

    @property
    def error(self) -> Tensor:
        """See `Drawing.error`."""
        squares = (self.canvas - self.target).square() * self.weight
        return squares.sum() / (3 * self.inside.sum()) + self.further

    @property
    def psnr(self) -> float:
        """See `Drawing.psnr`."""
        squares = (self.canvas.detach() - self.target).square() * self.inside
        return decibels(squares.sum() / (3 * self.inside.sum()))


class TiledCanvas:
    """Blank canvas beside the target (3, H, W), both cut into tiles.

    Args:
        stroke: The stroke kind.
        target: (3, H, W) in [0, 1].
        background: RGB in [0, 1] of the blank canvas.
        weight: (H, W), how much each pixel's error counts, 1 on the mean; all alike by default.
        distance: What is added to the squared error by which strokes are moved; colours are fitted,
            and strokes chosen, without it.
        tile: Pixels on a tile's side.
    """

    def __init__(
        self,
        stroke: Stroke,
        target: Tensor,
        background: Sequence[float],
        weight: Tensor | None = None,
        distance: Distance | None = None,
        tile: int = TILE,
    ) -> None:
        self.stroke = stroke
        self.distance = distance
        self.height, self.width = target.shape[1:]
        self.target = target
        self.weight = torch.ones_like(target[0]) if weight is None else weight
        blank = blank_canvas(1, self.height, self.width, background)[0].to(target)
        parts = (blank, target, self.weight[None], torch.ones_like(target[:1]))
        self._tiles = [to_tiles(part, tile) for part in parts]

    def draw(self, strokes: Tensor, fits: bool = False) -> Drawing:
        """Draw strokes (N, D) of the kind, in painting order, differentiably.

        Args:
            strokes: Within their limits.
            fits: Whether colours will be fitted to this drawing.
        """
        drawing = self._drawn(strokes, None)
        if self.distance is not None:
            drawing.further = self.distance(self._picture(drawing), self.target, self.weight)
        return drawing

    def _drawn(self, strokes: Tensor, over: Tensor | None) -> TensorDrawing:
        shape, color = self._split(strokes)
        outlines = self.stroke.outlines(shape, self.height, self.width)
        tiling, alpha = rasterize_tiles(outlines, TILE)
        all_tiles = self._tiles if over is None else [to_tiles(over, TILE), *self._tiles[1:]]
        ground, target, weight, inside = (tiles[tiling.order] for tiles in all_tiles)
        canvas = composite_rows(ground, alpha, color, tiling)
        beside = (ground, target, weight, inside, canvas)
        return TensorDrawing(tiling, alpha.detach(), color.detach(), *beside)

    @torch.no_grad()
    def canvas(self, strokes: Tensor, over: Tensor | None = None) -> Tensor:
        """Draw strokes (N, D) as one canvas (3, H, W), over another as in `draw`."""
        return self._picture(self._drawn(strokes, over))

    def _picture(self, drawing: TensorDrawing) -> Tensor:
        tiles = drawing.canvas[drawing.tiling.order.argsort()]
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
        drawing = self._drawn(strokes, None)
        parts = (drawing.alpha, drawing.color, drawing.ground, drawing.target, drawing.tiling)
        return stroke_worth(*parts, drawing.weight)

    def fit(self, strokes: Tensor, drawing: Any, ridge: float) -> Tensor:
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

    @torch.no_grad()
    def color_sums(self, shape: Tensor, canvas: Tensor) -> Tensor:
        """Sum up, for each shape alone over a canvas, what says its best colour and its gain.

        Args:
            shape: (N, S), within limits.
            canvas: (3, H, W), what it is painted over.

        Returns:
            (N, 5), weighted sums over the pixels: of alpha²; of alpha times what alpha * colour
            should be, of red, green and blue; and of the squared error now less what no colour
            can mend.
        """
        ready = self._ready(canvas)
        return torch.cat([self._color_sums(piece, ready) for piece in shape.split(_DRAWN)])

    def _ready(self, canvas: Tensor) -> Any:
        """Prepare a canvas for `_color_sums`."""
        return to_tiles(self.target - canvas, TILE), to_tiles(canvas, TILE)

    def _color_sums(self, shape: Tensor, ready: Any) -> Tensor:
        outlines = self.stroke.outlines(shape, self.height, self.width)
        tiling, alpha = rasterize_tiles(outlines, TILE)
        tiles = tiling.order[tiling.place]
        missing, below = (part[tiles] for part in ready)  # (R, 3, T, T)
        required = missing + below * alpha
        weight = self._tiles[2][tiles]
        square = (alpha.square() * weight).sum((2, 3))
        product = (alpha * required * weight).sum((2, 3))
        gain = ((missing.square() - required.square()) * weight).sum((1, 2, 3))
        sums = torch.cat([square, product, gain[:, None]], dim=1)
        return sums.new_zeros(len(shape), 5).index_add_(0, tiling.stroke, sums)

    def _split(self, strokes: Tensor) -> tuple[Tensor, Tensor]:
        return strokes[:, : self.stroke.shape_dim], strokes[:, self.stroke.shape_dim :]


def canvas_beside(
    stroke: Stroke,
    target: Tensor,
    background: Sequence[float],
    weight: Tensor | None = None,
    distance: Distance | None = None,
) -> TiledCanvas:
    """Return the fastest canvas for a target: see `TiledCanvas`."""
    if target.device.type != "cpu" or target.dtype != torch.float32:
        return TiledCanvas(stroke, target, background, weight, distance)
    from impasto.painters.fused_canvas import FusedCanvas  # importing numba takes half a second

    return FusedCanvas(stroke, target, background, weight, distance)
