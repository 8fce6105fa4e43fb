"""Strokes on the tiles of a canvas, compiled: what the loops over tiles draw, and go back through.

A stroke's part of one tile is a *row*. A source of rows is a named tuple of arrays; numba chooses
by its type how a row is drawn, and how its gradient goes back. A kind of source is these two
functions: `tile_pen` has that of a pen, `tile_areas` those of what fills an area; `Drawn` has alpha
already.

Shapes: N strokes, R rows, T pixels on a tile's side. Lengths are pixels.
"""

# numba reads the functions below as code.
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
# ruff: noqa: ANN001, ANN201, ANN202

from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types
from numba.extending import overload

from impasto.strokes.raster.pen_loops import FAST, Array, compiled

TILE = 16  # known when the loops are compiled: a line of a tile is two or four registers
LINE = np.uint64(TILE)  # unsigned: see `pen_loops.box`

inlined = numba.njit(inline="always", fastmath=FAST)


class Drawn(NamedTuple):
    """Strokes that were drawn already."""

    alpha: Array  # (R, T, T)


class Room(NamedTuple):
    """Room in which one tile's strokes are drawn, L of them, in E notes."""

    covered: Array  # (L, T, T), the coverage M(0) of `pen.pen_alpha`
    later: Array  # (L, T, T), the sum of M of all segments but the first
    centers: Array  # (T,), of a line's pixels
    span: Array  # (L, 2) uint64, the first line that a stroke may reach, one past the last
    note: Array  # (E, 2) int32: a segment of a pen that shows, on this line of the tile
    shows: Array  # (E, T): at these pixels; positive where it covers a part, negative all
    shown_from: Array  # (T T,) int32, going back: the first segment whose M the next one is


@compiled
def make_room(layers: int, notes: int) -> Room:
    """Return room for so many strokes and notes."""
    return Room(
        np.empty((layers, TILE, TILE), np.float32),
        np.empty((layers, TILE, TILE), np.float32),
        (np.arange(TILE) + 0.5).astype(np.float32),
        np.empty((layers, 2), np.uint64),
        np.empty((notes + 1, 2), np.int32),  # one more, which is written over
        np.empty((notes + 1, TILE), np.float32),
        np.empty(TILE * TILE, np.int32),
    )


def draw_row(source, row, stroke, x, y, alpha, layer, room, notes):
    """Draw a stroke on the tile with its corner at x, y, into alpha (T, T), on its span of lines.

    Write notes from number `notes` on, and return how many there are; more than there is room for
    are counted, and not kept.
    """


def pull_row(source, row, stroke, x, y, grad, layer, room, begin, end, out):
    """Write the gradient of a stroke's numbers, of that of alpha (T, T), to `out` (row `row`).

    Its notes are those from begin to end.
    """


def is_kind(source: Any, kind: type) -> bool:
    """Return True if a type of numba's is that of a kind of source."""
    return isinstance(source, types.BaseNamedTuple) and vars(source)["instance_class"] is kind


@overload(draw_row)
def _draw(source, row, stroke, x, y, alpha, layer, room, notes):
    def drawn(source, row, stroke, x, y, alpha, layer, room, notes):
        alpha[:] = source.alpha[row]
        room.span[layer, 0], room.span[layer, 1] = np.uint64(0), LINE
        return notes

    return drawn if is_kind(source, Drawn) else None


@overload(pull_row)
def _pull(source, row, stroke, x, y, grad, layer, room, begin, end, out):
    def drawn(source, row, stroke, x, y, grad, layer, room, begin, end, out):
        out[row] = grad.ravel()

    return drawn if is_kind(source, Drawn) else None
