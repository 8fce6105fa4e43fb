"""Strokes on the tiles of a canvas, as compiled loops want them.

Shapes: N strokes, R rows (parts of a stroke on a tile), C tiles, T pixels on a tile's side.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from impasto.compositing import from_tiles, rows_of
from impasto.runtime.threads import in_threads, loop_threads
from impasto.strokes import Stroke
from impasto.strokes.raster import tile_loops, tile_relief
from impasto.strokes.raster.frame import Windows
from impasto.strokes.raster.tile_areas import Discs, Rectangles, Triangles
from impasto.strokes.raster.tile_loops import Layout
from impasto.strokes.raster.tile_pen import Pen, count_segments, cut, find_rows
from impasto.strokes.raster.tile_relief import Brush
from impasto.strokes.raster.tile_source import TILE, Drawn

_AREAS: dict[str, Any] = {"disc": Discs, "triangle": Triangles, "rectangle": Rectangles}
_ROWS = 256  # of these at least for each thread


@dataclass(frozen=True)
class TileRows:
    """Strokes on the tiles.

    Attributes:
        source: What draws them.
        numbers: What it draws them by, (N, K), or alpha (R, T, T); differentiable.
        layout: Where they lie.
    """

    source: Pen | Discs | Triangles | Rectangles | Drawn
    numbers: Tensor
    layout: Layout

    @classmethod
    def of(cls, stroke: Stroke, shape: Tensor, height: int, width: int) -> "TileRows":
        """Find the rows of shapes (N, S) on a canvas; a kind without a form is drawn on them."""
        form, numbers = stroke.form(shape, height, width) or (None, shape)
        across, down = -(-width // TILE), -(-height // TILE)
        if form == "pen":
            return cls._of_pen(numbers, across, down)
        outlines = stroke.outlines(shape, height, width)
        owner, x, y = rows_of(outlines, TILE)
        layout = _layout(across, down, (y * across + x).int().numpy(), owner.int().numpy())
        if form is not None:
            return cls(_AREAS[form](numbers.detach().contiguous().numpy()), numbers, layout)
        alpha = outlines.draw(Windows(TILE, TILE, owner, torch.stack([x, y], dim=1) * TILE)).float()
        return cls(Drawn(alpha.detach().contiguous().numpy()), alpha, layout)

    @classmethod
    def _of_pen(cls, curves: Tensor, across: int, down: int) -> "TileRows":
        numbers, first = curves.detach().contiguous().numpy(), np.empty(len(curves) + 1, np.int64)
        count_segments(numbers, first)
        pen = Pen(numbers, np.empty((first[-1], 10), np.float32), first)
        cut(numbers, first, pen.segments)
        count = 8 * len(curves) + 64
        while True:
            tiles, strokes = np.empty(count, np.int32), np.empty(count, np.int32)
            found = find_rows(pen, across, down, tiles, strokes)
            if found <= count:
                return cls(pen, curves, _layout(across, down, tiles[:found], strokes[:found]))
            count = found

    def each_tile(self, loop: Callable[..., None], *parts: Any, tiles: range | None = None) -> None:
        """Call a loop of `tile_loops` over tiles, in threads; all of them by default."""
        start = self.layout.start
        tiles = range(len(start) - 1) if tiles is None else tiles
        ends = shares(start[tiles.start : tiles.stop + 1])
        in_threads(loop, [tiles.start + end for end in ends], *parts)

    def added(self, of_rows: Any, count: int) -> Tensor:
        """Add rows (R, K) up by stroke: (N, K)."""
        sums = np.zeros((count, of_rows.shape[1]), np.float32)
        tile_loops.add_up(self.layout.strokes, of_rows, sums)
        return torch.from_numpy(sums)


def _layout(across: int, down: int, tiles: Any, strokes: Any) -> Layout:
    start, order = np.empty(across * down + 1, np.int64), np.empty(len(tiles), np.int32)
    tile_loops.sort_rows(tiles, start, order)
    return Layout(across, tiles, strokes, start, order)


def shares(start: Any) -> list[int]:
    """Return the first tile of each thread, by the rows of all, and the end of the last one's."""
    rows = int(start[-1] - start[0])
    threads = max(1, min(loop_threads(), rows // _ROWS))
    inside = [int(start[0]) + rows * thread // threads for thread in range(1, threads)]
    return [0, *np.searchsorted(start, inside).tolist(), len(start) - 1]


def flat(tiles: Tensor) -> Any:
    """Return tiles (C, D, T, T) as an array (C, D, T T)."""
    return tiles.flatten(2).contiguous().float().numpy()


def joined(tiles: Any, height: int, width: int) -> Tensor:
    """Put tiles (C, D, T T) together to (D, H, W)."""
    return from_tiles(torch.from_numpy(tiles).unflatten(2, (TILE, TILE)), height, width)


def painted_bands(
    stroke: Stroke, strokes: Tensor, height: int, width: int, blank: Sequence[float], pixels: int
) -> Iterator[Tensor]:
    """Paint finished strokes, band by band of rows.

    Args:
        stroke: Their kind; one with a `form`.
        strokes: (N, D), in painting order.
        height: Rows H.
        width: Columns W.
        blank: The canvas's colour, RGB, or RGBA with premultiplied alpha, whose paint is opaque.
        pixels: In a band, about.

    Yields:
        (3 or 4, rows, W), from the top down.
    """
    shape, color = strokes[:, : stroke.shape_dim], strokes[:, stroke.shape_dim :]
    color = torch.cat([color, color.new_ones(len(color), len(blank) - 3)], dim=1)
    rows, paint = TileRows.of(stroke, shape, height, width), color.contiguous().numpy()
    across, down, high = rows.layout.across, -(-height // TILE), max(1, pixels // (width * TILE))
    for top in range(0, down, high):
        tiles = range(top * across, min(top + high, down) * across)
        canvas = _blank(len(tiles), blank)
        parts = (rows.source, paint, rows.layout, tiles.start, canvas)
        rows.each_tile(tile_loops.paint, *parts, tiles=tiles)
        yield joined(canvas, min(high * TILE, height - top * TILE), width)


def painted_states(
    stroke: Stroke,
    strokes: Tensor,
    height: int,
    width: int,
    blank: Sequence[float],
    counts: Sequence[int],
) -> Iterator[Tensor]:
    """Paint strokes as in `painted_bands`, and yield the canvas (3, H, W) after so many of them."""
    canvas = _blank(-(-height // TILE) * -(-width // TILE), blank)
    for before, count in pairwise([0, *counts]):
        shape, color = strokes[before:count].split([stroke.shape_dim, 3], dim=1)
        rows = TileRows.of(stroke, shape, height, width)
        parts = (rows.source, color.contiguous().numpy(), rows.layout, 0, canvas)
        rows.each_tile(tile_loops.paint, *parts)
        yield joined(canvas, height, width)


def raised_bands(
    stroke: Stroke,
    strokes: Tensor,
    height: int,
    width: int,
    blank: Sequence[float],
    brush: Brush,
    bands: Iterable[range],
) -> Iterator[tuple[Tensor, Tensor]]:
    """Paint finished strokes with thickness, on bands of rows.

    Args:
        stroke: Their kind; one with a `form`.
        strokes: (N, D), in painting order.
        height: Rows H.
        width: Columns W.
        blank: The canvas's colour, as in `painted_bands`.
        brush: How thick paint is; its arrays are filled in here.
        bands: Rows to paint; a band begins at a multiple of `TILE`.

    Yields:
        (3 or 4, rows, W), and its thickness in pixels, (rows, W).
    """
    shape, color = strokes.split([stroke.shape_dim, 3], dim=1)
    rows, paint = TileRows.of(stroke, shape, height, width), color.contiguous().numpy()
    starts, whole = np.empty(0, np.float32), np.empty(0, np.float32)
    if isinstance(rows.source, Pen):
        starts = np.empty(len(rows.source.segments), np.float32)
        whole = np.empty(len(strokes), np.float32)
        tile_relief.measure(rows.source, starts, whole)
    brush, across = brush._replace(starts=starts, lengths=whole), rows.layout.across
    for band in bands:
        tiles = range(band.start // TILE * across, -(-band.stop // TILE) * across)
        canvas = _blank(len(tiles), [*blank, 0.0])
        parts = (rows.source, paint, rows.layout, tiles.start, canvas, brush)
        rows.each_tile(tile_relief.paint, *parts, tiles=tiles)
        painted = joined(canvas, len(band), width)
        yield painted[:-1], painted[-1]


def _blank(tiles: int, color: Sequence[float]) -> Any:
    return np.tile(np.asarray(color, np.float32)[:, None], (tiles, 1, TILE * TILE))
