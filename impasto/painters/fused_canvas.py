"""Tiled canvas by compiled loops, on a CPU: the same as `TiledCanvas`, several times faster.

Shapes: N strokes, R rows (parts of a stroke on a tile), C tiles, T pixels on a tile's side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from impasto.canvas import decibels
from impasto.compositing import to_tiles
from impasto.errors import UserError
from impasto.painters.objective import Distance
from impasto.painters.tiled_canvas import TiledCanvas
from impasto.runtime.memory import has_room, lack
from impasto.runtime.threads import in_threads
from impasto.strokes import Stroke
from impasto.strokes.raster import tile_loops
from impasto.strokes.raster.pen_loops import Array
from impasto.strokes.raster.tile_loops import Fit, Layout, Tiles
from impasto.strokes.raster.tile_source import TILE, Drawn
from impasto.strokes.tile_rows import TileRows, flat, joined, shares

_ITERATIONS = 10  # of conjugate gradients; a step later the colours are solved for again
_PRECISION = 1e-4


@dataclass(frozen=True)
class FusedDrawing:
    """Strokes drawn, compared, and differentiated; see `tiled_canvas.Drawing`.

    Attributes:
        error: Mean squared error by the weights and any further distance, a scalar, differentiable.
        squares: Mean squared error of all pixels alike.
        layout: Where the strokes lie.
        fit: The equations that their colours solve; of no tile if none were asked for.
    """

    error: Tensor
    squares: float
    layout: Layout
    fit: Fit

    @property
    def psnr(self) -> float:
        """Peak signal to noise ratio, of all pixels alike, dB."""
        return decibels(self.squares)


class FusedCanvas(TiledCanvas):
    """See `TiledCanvas`; strokes and target lie on the CPU.

    What has a `Stroke.form` is drawn in the loops; any other kind, by its own drawing before.
    """

    def __init__(
        self,
        stroke: Stroke,
        target: Tensor,
        background: Sequence[float],
        weight: Tensor | None = None,
        distance: Distance | None = None,
    ) -> None:
        super().__init__(stroke, target, background, weight, distance, TILE)
        self._even = weight is None
        ground, wanted, weights = (flat(tiles) for tiles in self._tiles[:3])
        self._arrays = Tiles(ground, wanted, weights[:, 0], ground[:0])

    def draw(self, strokes: Tensor, fits: bool = False) -> FusedDrawing:
        """See `TiledCanvas.draw`."""
        shape, color = self._split(strokes)
        rows = self._rows(shape)
        numbers, drawn = rows.numbers.detach(), isinstance(rows.source, Drawn)
        width = TILE * TILE if drawn else numbers.shape[1]
        count, layout = len(rows.layout.strokes), rows.layout
        paint = color.detach().contiguous().numpy()
        further, tiles = self._further(rows, paint)
        canvas, errors = np.empty_like(tiles.ground), np.empty(len(tiles.ground), np.float32)
        of_rows, of_color = (np.empty((count, wide), np.float32) for wide in (width, 3))
        fit = _equations(layout, fits)
        parts = (rows.source, paint, layout, tiles, canvas, errors, of_rows, of_color, fit)
        rows.each_tile(tile_loops.differentiate, *parts)
        pixels = 3 * self.height * self.width
        scale = 2 / pixels
        of_numbers = rows.added(of_rows, len(strokes)) if not drawn else torch.from_numpy(of_rows)
        gradients = (
            of_numbers.view_as(numbers) * scale,
            rows.added(of_color, len(strokes)) * scale,
        )
        total = float(errors.sum(dtype=np.float64)) / pixels
        error: Tensor = _Error.apply(rows.numbers, color, torch.tensor(total + further), *gradients)
        squares = (
            total if self._even else float(functional.mse_loss(self._joined(canvas), self.target))
        )
        return FusedDrawing(error, squares, layout, fit)

    @torch.no_grad()
    def canvas(self, strokes: Tensor, over: Tensor | None = None) -> Tensor:
        """See `TiledCanvas.canvas`."""
        shape, color = self._split(strokes)
        rows = self._rows(shape)
        below = self._arrays.ground if over is None else flat(to_tiles(over, TILE))
        return self._painted(rows, color.contiguous().numpy(), below)

    def _painted(self, rows: TileRows, paint: Array, below: Array) -> Tensor:
        tiles = below.copy()  # of a single tile it is no copy yet
        rows.each_tile(tile_loops.paint, rows.source, paint, rows.layout, 0, tiles)
        return self._joined(tiles)

    def _further(self, rows: TileRows, paint: Array) -> tuple[float, Tiles]:
        """Return the distance, and tiles with its gradient."""
        if self.distance is None:
            return 0.0, self._arrays
        canvas = self._painted(rows, paint, self._arrays.ground).requires_grad_()
        with torch.enable_grad():
            distance = self.distance(canvas, self.target, self.weight)
            (gradient,) = torch.autograd.grad(distance, canvas)
        more = gradient * (canvas.numel() / 2)
        return distance.item(), self._arrays._replace(more=flat(to_tiles(more, TILE)))

    @torch.no_grad()
    def worth(self, strokes: Tensor) -> Tensor:
        """See `TiledCanvas.worth`."""
        shape, color = self._split(strokes)
        rows = self._rows(shape)
        worth = np.empty((len(rows.layout.strokes), 1), np.float32)
        paint = color.contiguous().numpy()
        parts = (rows.source, paint, rows.layout, self._arrays, worth)
        rows.each_tile(tile_loops.weigh, *parts)
        return rows.added(worth, len(strokes))[:, 0]

    def fit(self, strokes: Tensor, drawing: Any, ridge: float) -> Tensor:
        """See `TiledCanvas.fit`; the drawing must be one that `fits`."""
        shape, color = self._split(strokes.detach())
        pixels = ridge * self.height * self.width
        present = color.contiguous().numpy()
        parts = (drawing.layout, drawing.fit, pixels, _ITERATIONS, _PRECISION)
        solved = torch.from_numpy(tile_loops.solve_colors(present, *parts))
        return torch.cat([shape, solved.clamp(0, 1)], dim=1)

    def _ready(self, canvas: Tensor) -> Tiles:
        return self._arrays._replace(ground=flat(to_tiles(canvas, TILE)))

    def _color_sums(self, shape: Tensor, ready: Tiles) -> Tensor:
        rows = self._rows(shape)
        sums = np.empty((len(rows.layout.strokes), 5), np.float32)
        ends = shares(np.arange(len(sums) + 1))
        in_threads(tile_loops.try_rows, ends, rows.source, rows.layout, ready, sums)
        return rows.added(sums, len(shape))

    def _rows(self, shape: Tensor) -> TileRows:
        return TileRows.of(self.stroke, shape, self.height, self.width)

    def _joined(self, tiles: Any) -> Tensor:
        return joined(tiles, self.height, self.width)


class _Error(torch.autograd.Function):
    """An error whose gradients are known."""

    @staticmethod
    def forward(
        ctx: Any,
        numbers: Tensor,
        color: Tensor,
        error: Tensor,
        of_numbers: Tensor,
        of_color: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(of_numbers, of_color)
        return error

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        of_numbers, of_color = ctx.saved_tensors
        return grad * of_numbers, grad * of_color, None, None, None


def _equations(layout: Layout, fits: bool) -> Fit:
    if not fits:
        none = np.empty((0, 3), np.float32)
        return Fit(np.empty(0, np.int64), none[:, 0].copy(), none)
    begin = np.concatenate([[0], np.square(np.diff(layout.start)).cumsum()])
    if not has_room(4 * float(begin[-1])):  # a float32 for each two strokes on a tile
        what = f"fitting the colours of so many strokes {lack(4 * float(begin[-1]))}"
        raise UserError(what, "give fewer `strokes`, or a larger picture and `work_size`")
    right = np.empty((len(layout.strokes), 3), np.float32)
    return Fit(begin, np.empty(begin[-1], np.float32), right)
