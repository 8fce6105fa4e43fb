"""Tiled canvas by compiled loops, on a CPU: the same as `TiledCanvas`, several times faster.

Shapes: N strokes, R rows (parts of a stroke on a tile), C tiles, T pixels on a tile's side.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from impasto.canvas import decibels
from impasto.compositing import from_tiles, rows_of, to_tiles
from impasto.painters.tiled_canvas import TiledCanvas
from impasto.strokes import Stroke
from impasto.strokes.raster import tile_loops
from impasto.strokes.raster.frame import Windows
from impasto.strokes.raster.pen_kernel import in_threads
from impasto.strokes.raster.tile_areas import Discs, Rectangles, Triangles
from impasto.strokes.raster.tile_loops import Fit, Layout, Tiles
from impasto.strokes.raster.tile_pen import Pen, count_segments, cut, find_rows
from impasto.strokes.raster.tile_source import TILE, Drawn

_AREAS = {"disc": Discs, "triangle": Triangles, "rectangle": Rectangles}
_ITERATIONS = 10  # of conjugate gradients; a step later the colours are solved for again
_PRECISION = 1e-4
_ROWS = 256  # of these at least for each thread


@dataclass(frozen=True)
class _Rows:
    """Strokes on the tiles.

    Attributes:
        source: What draws them.
        numbers: What it draws them by, (N, K), or alpha (R, T, T); differentiable.
        layout: Where they lie.
    """

    source: Pen | Discs | Triangles | Rectangles | Drawn
    numbers: Tensor
    layout: Layout


@dataclass(frozen=True)
class FusedDrawing:
    """Strokes drawn, compared, and differentiated; see `tiled_canvas.Drawing`.

    Attributes:
        error: Mean squared error by the weights, a scalar, differentiable.
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

    What a pen paints is drawn in the loops; what another kind does, by its own drawing before.
    """

    def __init__(
        self,
        stroke: Stroke,
        target: Tensor,
        background: Sequence[float],
        weight: Tensor | None = None,
    ) -> None:
        super().__init__(stroke, target, background, weight, TILE)
        self._even = weight is None
        self._arrays = Tiles(*(_flat(tiles) for tiles in self._tiles[:3]))
        self._across = -(-self.width // TILE)
        self._down = -(-self.height // TILE)

    def draw(self, strokes: Tensor, fits: bool = False) -> FusedDrawing:
        """See `TiledCanvas.draw`."""
        shape, color = self._split(strokes)
        rows = self._rows(shape)
        numbers, drawn = rows.numbers.detach(), isinstance(rows.source, Drawn)
        width = TILE * TILE if drawn else numbers.shape[1]
        count, (layout, tiles) = len(rows.layout.strokes), (rows.layout, self._arrays)
        canvas, errors = np.empty_like(tiles.ground), np.empty(len(tiles.ground), np.float32)
        of_rows, of_color = (np.empty((count, wide), np.float32) for wide in (width, 3))
        fit = _equations(layout, fits)
        paint = color.detach().contiguous().numpy()
        parts = (rows.source, paint, layout, tiles, canvas, errors, of_rows, of_color, fit)
        self._over_tiles(tile_loops.differentiate, layout, *parts)
        pixels = 3 * self.height * self.width
        scale = 2 / pixels
        of_numbers = (
            _added(layout, of_rows, len(strokes)) if not drawn else torch.from_numpy(of_rows)
        )
        gradients = (
            of_numbers.view_as(numbers) * scale,
            _added(layout, of_color, len(strokes)) * scale,
        )
        total = float(errors.sum(dtype=np.float64)) / pixels
        error: Tensor = _Error.apply(rows.numbers, color, torch.tensor(total), *gradients)
        squares = total if self._even else self._squares(canvas)
        return FusedDrawing(error, squares, layout, fit)

    @torch.no_grad()
    def canvas(self, strokes: Tensor, over: Tensor | None = None) -> Tensor:
        """See `TiledCanvas.canvas`."""
        shape, color = self._split(strokes)
        rows = self._rows(shape)
        below = self._arrays.ground if over is None else _flat(to_tiles(over, TILE))
        tiles = below.copy()  # of a single tile it is no copy yet
        parts = (rows.source, color.contiguous().numpy(), rows.layout, tiles)
        self._over_tiles(tile_loops.paint, rows.layout, *parts)
        return self._joined(tiles)

    @torch.no_grad()
    def worth(self, strokes: Tensor) -> Tensor:
        """See `TiledCanvas.worth`."""
        shape, color = self._split(strokes)
        rows = self._rows(shape)
        worth = np.empty((len(rows.layout.strokes), 1), np.float32)
        paint = color.contiguous().numpy()
        parts = (rows.source, paint, rows.layout, self._arrays, worth)
        self._over_tiles(tile_loops.weigh, rows.layout, *parts)
        return _added(rows.layout, worth, len(strokes))[:, 0]

    def fit(self, strokes: Tensor, drawing: Any, ridge: float) -> Tensor:
        """See `TiledCanvas.fit`; the drawing must be one that `fits`."""
        shape, color = self._split(strokes.detach())
        pixels = ridge * self.height * self.width
        present = color.contiguous().numpy()
        parts = (drawing.layout, drawing.fit, pixels, _ITERATIONS, _PRECISION)
        solved = torch.from_numpy(tile_loops.solve_colors(present, *parts))
        return torch.cat([shape, solved.clamp(0, 1)], dim=1)

    @torch.no_grad()
    def color_sums(self, shape: Tensor, canvas: Tensor) -> Tensor:
        """See `TiledCanvas.color_sums`."""
        rows = self._rows(shape)
        tiles = self._arrays._replace(ground=_flat(to_tiles(canvas, TILE)))
        sums = np.empty((len(rows.layout.strokes), 5), np.float32)
        ends = _shares(np.arange(len(sums) + 1))
        in_threads(tile_loops.try_rows, ends, rows.source, rows.layout, tiles, sums)
        return _added(rows.layout, sums, len(shape))

    def _rows(self, shape: Tensor) -> _Rows:
        form, numbers = self.stroke.form(shape, self.height, self.width) or (None, shape)
        if form == "pen":
            return self._pen_rows(numbers)
        outlines = self.stroke.outlines(shape, self.height, self.width)
        owner, x, y = rows_of(outlines, TILE)
        layout = self._layout((y * self._across + x).int().numpy(), owner.int().numpy())
        if form is not None:
            return _Rows(_AREAS[form](numbers.detach().contiguous().numpy()), numbers, layout)
        alpha = outlines.draw(Windows(TILE, TILE, owner, torch.stack([x, y], dim=1) * TILE)).float()
        return _Rows(Drawn(alpha.detach().contiguous().numpy()), alpha, layout)

    def _pen_rows(self, curves: Tensor) -> _Rows:
        numbers, first = curves.detach().contiguous().numpy(), np.empty(len(curves) + 1, np.int64)
        count_segments(numbers, first)
        pen = Pen(numbers, np.empty((first[-1], 10), np.float32), first)
        cut(numbers, first, pen.segments)
        count = 8 * len(curves) + 64
        while True:
            tiles, strokes = np.empty(count, np.int32), np.empty(count, np.int32)
            found = find_rows(pen, self._across, self._down, tiles, strokes)
            if found <= count:
                return _Rows(pen, curves, self._layout(tiles[:found], strokes[:found]))
            count = found

    def _layout(self, tiles: Any, strokes: Any) -> Layout:
        start = np.empty(self._across * self._down + 1, np.int64)
        order = np.empty(len(tiles), np.int32)
        tile_loops.sort_rows(tiles, start, order)
        return Layout(self._across, tiles, strokes, start, order)

    def _over_tiles(self, loop: Callable[..., None], layout: Layout, *parts: Any) -> None:
        in_threads(loop, _shares(layout.start), *parts)

    def _joined(self, tiles: Any) -> Tensor:
        square = torch.from_numpy(tiles).unflatten(2, (TILE, TILE))
        return from_tiles(square, self.height, self.width)

    def _squares(self, canvas: Any) -> float:
        return float(functional.mse_loss(self._joined(canvas), self.target))


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


def _flat(tiles: Tensor) -> Any:
    """Return tiles (C, D, T, T) as an array (C, D, T T), (C, T T) of one channel."""
    array = tiles.flatten(2).contiguous().float().numpy()
    return array[:, 0] if array.shape[1] == 1 else array


def _equations(layout: Layout, fits: bool) -> Fit:
    if not fits:
        none = np.empty((0, 3), np.float32)
        return Fit(np.empty(0, np.int64), none[:, 0].copy(), none)
    begin = np.concatenate([[0], np.square(np.diff(layout.start)).cumsum()])
    right = np.empty((len(layout.strokes), 3), np.float32)
    return Fit(begin, np.empty(begin[-1], np.float32), right)


def _added(layout: Layout, of_rows: Any, count: int) -> Tensor:
    sums = np.zeros((count, of_rows.shape[1]), np.float32)
    tile_loops.add_up(layout.strokes, of_rows, sums)
    return torch.from_numpy(sums)


def _shares(start: Any) -> list[int]:
    """Return the first tile of each thread, by the rows of all, and the end of the last one's."""
    threads = max(1, min(torch.get_num_threads(), int(start[-1]) // _ROWS))
    inside = [int(start[-1]) * thread // threads for thread in range(1, threads)]
    return [0, *np.searchsorted(start, inside).tolist(), len(start) - 1]
