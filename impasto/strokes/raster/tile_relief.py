"""Paint with thickness on the tiles of a canvas, compiled: bristles, rims, ragged ends.

A pen's stroke is a brush's: each of its pixels has a place along the path and one across the pen,
and grooves of bristles follow the path. They are value noise (Perlin, 1985: a lattice of random
numbers, smoothly interpolated) of a hash of the stroke's number, in units of the picture: the same
at every size, and fading to its mean where a pixel holds more than one bristle. What has no path is
as thick as it covers.

Shapes: N strokes, S segments, R rows (`tile_source`), C tiles, T pixels on a tile's side. Lengths
are pixels.
"""

# numba reads the functions below as code.
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
# ruff: noqa: ANN001, ANN201, ANN202

import math
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from impasto.strokes.raster.pen_loops import Array, box, compiled
from impasto.strokes.raster.tile_loops import Layout, corner_of
from impasto.strokes.raster.tile_pen import Pen
from impasto.strokes.raster.tile_source import TILE, draw_row, inlined, is_kind, make_room

_ZERO, _HALF, _ONE, _TWO = (np.float32(number) for number in (0, 0.5, 1, 2))
_NONE = np.empty(0, np.float32)
_FAR = np.float32(-1e9)
_WORD = 0xFFFFFFFF
_STREAK = np.float32(24)  # bristles' widths along which a groove stays the same
_CLUMP = np.float32(4)  # bristles that stick together
_TURNS = np.float32(0.8)  # radii of the pen per radius of a curve from which it is a dab
_TINT = np.float32(0.12)  # by how much thin paint is lighter or darker than thick
_FEW = np.float32(0.004)  # alpha below which nothing is to be seen


class Brush(NamedTuple):
    """Brush whose paint has thickness, in pixels: float32."""

    bristle: Any  # width
    thickness: Any  # of a wide stroke
    rim: Any  # width of a stroke's edge
    wide: Any  # radius of a wide stroke
    reach: Any  # radii after which a brush begins to run dry
    fills: Any  # of the thickness below, the share that opaque paint takes away
    starts: Array = _NONE  # (S,), where along its stroke each segment of a pen begins
    lengths: Array = _NONE  # (N,), of whole strokes: see `measure`


@compiled
def measure(pen: Pen, starts: Array, lengths: Array) -> None:
    """Write where along its stroke each segment begins, and how long strokes are.

    A stroke that turns within the width of its pen is a dab along its chord: its length is below 0.
    """
    for stroke in range(len(lengths)):
        along: Any = np.float32(0)
        for index in range(pen.first[stroke], pen.first[stroke + 1]):
            starts[index] = along
            along += pen.segments[index, 4]
        curve = pen.curves[stroke]
        if max(curve[6], curve[7]) * _curvature(curve) > _TURNS:
            along = -math.hypot(curve[4] - curve[0], curve[5] - curve[1])
        lengths[stroke] = along


@compiled
def _curvature(curve: Array) -> Any:
    """Largest curvature at nine places of a quadratic curve, 1 / pixels."""
    bend_x = curve[0] - _TWO * curve[2] + curve[4]
    bend_y = curve[1] - _TWO * curve[3] + curve[5]
    largest: Any = _ZERO
    for place in range(9):
        t = np.float32(place / 8)
        x = (_ONE - t) * (curve[2] - curve[0]) + t * (curve[4] - curve[2])
        y = (_ONE - t) * (curve[3] - curve[1]) + t * (curve[5] - curve[3])
        speed: Any = max(math.hypot(x, y), np.float32(1e-3))
        largest = max(largest, abs(x * bend_y - y * bend_x) / (_TWO * speed * speed * speed))
    return largest


@inlined
def _step(value):
    """Smooth step from 0 to 1 of a number, clamped to these."""
    value = min(max(value, _ZERO), _ONE)
    return value * value * (np.float32(3) - np.float32(2) * value)


@compiled
def _random(number, i, j):
    """Random number in [0, 1) of three whole ones: the finalizer of MurmurHash3."""
    word = (number * 0x9E3779B1 + i * 0x85EBCA77 + j * 0xC2B2AE3D) & _WORD
    word ^= word >> 16
    word = (word * 0x85EBCA6B) & _WORD
    word ^= word >> 13
    word = (word * 0xC2B2AE35) & _WORD
    word ^= word >> 16
    return np.float32(word) * np.float32(2.0**-32)


@compiled
def _noise(number, x, y):
    """Value noise in [0, 1) at a place."""
    i, j = math.floor(x), math.floor(y)
    right, down = _step(np.float32(x - i)), _step(np.float32(y - j))
    i, j = int(i), int(j)
    above, below = _random(number, i, j), _random(number, i, j + 1)
    above += (_random(number, i + 1, j) - above) * right
    below += (_random(number, i + 1, j + 1) - below) * right
    return above + (below - above) * down


@compiled
def _seen(width):
    """Share of a wave's contrast that is left where half of it is so many pixels wide."""
    return _step((width - np.float32(0.7)) / np.float32(1.3))


def model_row(source, stroke, x, y, alpha, span, brush, own, tint):
    """Write the thickness of a stroke's full paint on the tile with its corner at x, y.

    Args:
        source: Draws rows.
        stroke: Which.
        x: Of the tile's corner.
        y: The same.
        alpha: (T, T), what the row covers; bristles that leave no paint are taken out of it.
        span: (2,), the lines that it may reach.
        brush: How thick.
        own: (T, T), gets the thickness.
        tint: (T, T), gets how much lighter the paint is.
    """


@overload(model_row)
def _model(source, stroke, x, y, alpha, span, brush, own, tint):
    def plain(source, stroke, x, y, alpha, span, brush, own, tint):
        own[:] = brush.thickness * _HALF
        tint[:] = 0

    def pen(source, stroke, x, y, alpha, span, brush, own, tint):
        depth = np.full((TILE, TILE), _FAR)
        place = np.empty((3, TILE, TILE), np.float32)  # along, across, the pen's radius there
        first, last = source.first[stroke], source.first[stroke + 1]
        for index in range(first, last):
            segment = source.segments[index]
            top, bottom, left, right = box(segment, x, y, TILE, TILE)
            for line in range(top, bottom):
                dy = np.float32(line) + _HALF + y - segment[1]
                for column in range(left, right):
                    dx = np.float32(column) + _HALF + x - segment[0]
                    u = dx * segment[2] + dy * segment[3]
                    v = dy * segment[2] - dx * segment[3]
                    near = u + segment[7] * abs(v) + segment[8]
                    near = min(max(near, _ZERO), segment[4])
                    radius = segment[5] + segment[6] * near
                    inside = radius - math.sqrt((u - near) * (u - near) + v * v)
                    if inside > depth[line, column]:
                        depth[line, column] = inside
                        place[0, line, column] = brush.starts[index] + u
                        place[1, line, column] = v
                        place[2, line, column] = radius
        curve, length = source.curves[stroke], brush.lengths[stroke]
        wide = max(max(curve[6], curve[7]), _HALF)
        if length <= 0:
            length = max(-length, np.float32(1e-3))
            cosine, sine = (curve[4] - curve[0]) / length, (curve[5] - curve[1]) / length
            for line in range(TILE):
                dy = np.float32(line) + _HALF + y - curve[1]
                for column in range(TILE):
                    dx = np.float32(column) + _HALF + x - curve[0]
                    place[0, line, column] = dx * cosine + dy * sine
                    place[1, line, column] = dy * cosine - dx * sine
                    place[2, line, column] = wide
        for line in range(span[0], span[1]):
            for column in range(TILE):
                if alpha[line, column] > _FEW:
                    stay, thick, light = _bristles(
                        stroke,
                        place[0, line, column],
                        place[1, line, column],
                        place[2, line, column],
                        depth[line, column],
                        wide,
                        length,
                        brush,
                    )
                    alpha[line, column] *= stay
                    own[line, column], tint[line, column] = thick, light

    return pen if is_kind(source, Pen) else plain


@compiled
def _bristles(stroke, along, across, radius, depth, wide, length, brush):
    """Return the share of the paint that stays at a place of a stroke, its thickness, its tint."""
    squeezed = max(radius, _HALF) / wide  # bristles come together where the pen is narrow
    bristle = across / (squeezed * brush.bristle)
    streak = along / (_STREAK * brush.bristle)
    shows = _seen(brush.bristle * squeezed)
    fine = (_noise(2 * stroke, bristle, streak) - _HALF) * shows
    shows = _seen(_CLUMP * brush.bristle * squeezed)
    clump = (_noise(2 * stroke + 1, bristle / _CLUMP, _HALF * streak) - _HALF) * shows
    groove = np.float32(0.45) * fine + np.float32(0.65) * clump
    # Each bristle is set down and lifted at a place of its own, not along a circle.
    tuft = min(wide, np.float32(0.4) * brush.wide)
    ragged, soft = clump + fine, max(np.float32(0.25) * tuft, _ONE)
    lifted = length - along + wide - tuft * (np.float32(0.35) - np.float32(0.8) * ragged)
    set_down = along + wide - tuft * (np.float32(0.25) - np.float32(0.4) * ragged)
    stay = _step(lifted / soft + _HALF) * _step(set_down / soft + _HALF)
    dry = _step((along / wide - brush.reach) / (_TWO * brush.reach))
    stay *= _ONE - dry * (np.float32(0.28) - _HALF * groove)
    rim = min(brush.rim, _HALF * wide)
    edge = _step(depth / rim)
    ridge = edge * (_ONE - _step((depth - rim) / (np.float32(2.5) * rim)))
    pushed = _step((along - length) / wide + _HALF)  # paint before the brush where it is lifted
    load = math.sqrt(min(wide / brush.wide, _ONE)) * (_ONE - _HALF * dry)
    body = np.float32(0.45) + groove + ridge * (np.float32(0.3) + np.float32(0.35) * pushed)
    return stay, brush.thickness * load * edge * max(body, _ZERO), _TINT * groove


@compiled
def paint(
    begin: int,
    end: int,
    source: Any,
    color: Array,
    layout: Layout,
    first: int,
    canvas: Array,
    brush: Brush,
) -> None:
    """Paint over the tiles of a canvas from `first` on, from begin to end, and their thickness.

    Args:
        begin: The first tile.
        end: One past the last.
        source: Draws rows.
        color: (N, 3).
        layout: Which.
        first: The tile that the canvas begins with.
        canvas: (n, 4 or 5, T T), colour or premultiplied RGBA, and last thickness.
        brush: How thick paint is.
    """
    room, alpha = make_room(1, 0), np.empty((TILE, TILE), np.float32)
    own, tint = np.zeros((TILE, TILE), np.float32), np.zeros((TILE, TILE), np.float32)
    for tile in range(begin, end):
        x, y = corner_of(layout, tile)
        below = canvas[tile - first]
        thick = below[-1]
        for row in layout.order[layout.start[tile] : layout.start[tile + 1]]:
            stroke = layout.strokes[row]
            draw_row(source, row, stroke, x, y, alpha, 0, room, 0)
            span = room.span[0]
            model_row(source, stroke, x, y, alpha, span, brush, own, tint)
            for line in range(span[0], span[1]):
                for column in range(TILE):
                    cover, pixel = alpha[line, column], line * TILE + column
                    if cover > _FEW:
                        for channel in range(3):
                            shown = color[stroke, channel] * (_ONE + tint[line, column])
                            below[channel, pixel] += cover * (shown - below[channel, pixel])
                        if len(below) == 5:  # paint is opaque
                            below[3, pixel] += cover * (_ONE - below[3, pixel])
                        # A glaze has little body, and leaves what is below to be seen.
                        rise = own[line, column] - brush.fills * thick[pixel]
                        thick[pixel] += cover * cover * rise
