"""The pen on the tiles of a canvas, compiled: see `tile_source`.

Drawing notes at which pixels each segment shows, so that going back draws nothing again.

Shapes: N strokes, S segments of ten numbers (`pen.to_segments`), R rows, C tiles, T pixels on a
tile's side. Lengths are pixels.
"""

# numba reads the functions below as code.
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
# ruff: noqa: ANN001, ANN202

import math
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from impasto.strokes.raster.coverage import THINNEST
from impasto.strokes.raster.pen import FEWEST, LEAVES, SHADES, SWELL
from impasto.strokes.raster.pen_loops import Array, box, compiled
from impasto.strokes.raster.tile_source import LINE, TILE, draw_row, inlined, is_kind, pull_row

# Numbers of a curve: x0, y0, x1, y1, x2, y2, radius0, radius1, opacity0, opacity1, and by which
# share the radius falls at the ends (`pen.tapered`), which has no gradient.
CURVE = 11
_ZERO, _HALF, _ONE, _TINY = (np.float32(number) for number in (0, 0.5, 1, 1e-9))
_THINNEST = np.float32(THINNEST)


class Pen(NamedTuple):
    """Strokes of a round pen along quadratic curves."""

    curves: Array  # (N, CURVE)
    segments: Array  # (S, 10)
    first: Array  # (N + 1,) int64, where the segments of each stroke begin


@inlined
def _coverage(right_of, along, across, cosine, sine, length, lean, shift, edge, growth, ink):
    """Coverage of a pixel by a segment: `pen_eager.hull_coverage`."""
    u, v = right_of * cosine + along, across - right_of * sine
    reach = min(max(u + lean * abs(v) + shift, _ZERO), length)
    beside = u - reach
    depth = edge + growth * reach - math.sqrt(beside * beside + v * v + _TINY)
    return min(max(depth, _ZERO), _ONE) * ink


@compiled
def _clear(source, stroke, x, y, layer, room):
    """Find the lines that a stroke may reach, and clear them."""
    low, high = np.uint64(TILE), np.uint64(0)
    for index in range(source.first[stroke], source.first[stroke + 1]):
        top, bottom, _, _ = box(source.segments[index], x, y, TILE, TILE)
        if bottom > top:
            low, high = min(low, top), max(high, bottom)
    low = min(low, high)
    room.span[layer, 0], room.span[layer, 1] = low, high
    room.covered[layer, low:high] = 0
    room.later[layer, low:high] = 0
    return low, high


@overload(draw_row)
def _draw(source, row, stroke, x, y, alpha, layer, room, notes):
    def pen(source, row, stroke, x, y, alpha, layer, room, notes):
        begin, end = source.first[stroke], source.first[stroke + 1]
        covered, later, centers = room.covered[layer], room.later[layer], room.centers
        note, shows = room.note, room.shows
        low, high = _clear(source, stroke, x, y, layer, room)
        for index in range(end - begin - 1, -1, -1):
            segment, weight = source.segments[begin + index], np.float32(index)
            top, bottom, _, _ = box(segment, x, y, TILE, TILE)
            start_x, start_y = segment[0] - x, segment[1] - y
            cosine, sine, length, edge = segment[2], segment[3], segment[4], segment[5] + _HALF
            growth, lean, shift, ink = segment[6], segment[7], segment[8], segment[9]
            for down in range(top, bottom):
                below = centers[down] - start_y
                along, across = below * sine, below * cosine
                place, total = np.uint64(min(notes, len(note) - 1)), _ZERO
                for column in range(LINE):
                    now = _coverage(
                        centers[column] - start_x,
                        along,
                        across,
                        cosine,
                        sine,
                        length,
                        lean,
                        shift,
                        edge,
                        growth,
                        ink,
                    )
                    more = max(now - covered[down, column], _ZERO)
                    covered[down, column] += more
                    later[down, column] += more * weight
                    shows[place, column] = more if now < ink else -more
                    total += more
                if total > 0:
                    note[place, 0], note[place, 1] = index, down
                    notes += 1
        start = source.curves[stroke, 8]
        change = (source.curves[stroke, 9] - start) / np.float32(end - begin - 1)
        for down in range(low, high):
            for column in range(LINE):
                alpha[down, column] = start * covered[down, column] + change * later[down, column]
        return notes

    return pen if is_kind(source, Pen) else None


@overload(pull_row)
def _pull(source, row, stroke, x, y, grad, layer, room, begin, end, out):
    def pen(source, row, stroke, x, y, grad, layer, room, begin, end, out):
        first = source.first[stroke]
        count = source.first[stroke + 1] - first
        step = _ONE / np.float32(count)
        start, radius = source.curves[stroke, 8], source.curves[stroke, 6]
        change = (source.curves[stroke, 9] - start) / np.float32(count - 1)
        grown = (source.curves[stroke, 7] - radius) * step
        taper = source.curves[stroke, 10]
        of_x0, of_y0, of_x1, of_y1, of_x2, of_y2 = _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
        of_radius0, of_radius1 = _ZERO, _ZERO
        shown_from, centers = room.shown_from, room.centers
        note, shows = room.note, room.shows
        shown_from[:] = 0
        for number in range(end - 1, begin - 1, -1):  # from the first segment on
            index, down = note[number, 0], note[number, 1]
            segment = source.segments[first + index]
            edge, growth, ink = segment[5] + _HALF, segment[6], segment[9]
            near, far = np.float32(index) * step, np.float32(index + 1) * step
            near_share, far_share = _tapered(near, taper), _tapered(far, taper)
            near_wide = (radius + grown * np.float32(index)) * near_share > _THINNEST
            far_wide = (radius + grown * np.float32(index + 1)) * far_share > _THINNEST
            dy = centers[down] + y - segment[1]
            for column in range(LINE):
                if shows[number, column] != 0:
                    # Its coverage is M of the segments from the last that showed to itself.
                    pixel = down * TILE + column
                    before = shown_from[pixel]
                    shown_from[pixel] = index + 1
                    if shows[number, column] > 0:
                        share = change * np.float32(index + 1 - max(before, 1))
                        share += start if before == 0 else _ZERO
                        upstream = grad[down, column] * share
                        # By the envelope theorem the disc nearest to the pixel may be held where
                        # it is along the segment: a mean of its ends, and so of the curve's points.
                        dx = centers[column] + x - segment[0]
                        u, v = dx * segment[2] + dy * segment[3], dy * segment[2] - dx * segment[3]
                        reach = min(max(u + segment[7] * abs(v) + segment[8], _ZERO), segment[4])
                        beside = u - reach
                        distance = math.sqrt(beside * beside + v * v + _TINY)
                        wider = upstream * ink
                        of_x = wider * (beside * segment[2] - v * segment[3]) / distance
                        of_y = wider * (beside * segment[3] + v * segment[2]) / distance
                        part = reach / segment[4]
                        t = near + part * step
                        sag = part * (_ONE - part) * step * step  # a chord lies inside its curve
                        begun, ended = (_ONE - t) * (_ONE - t) + sag, t * t + sag
                        middle = _ONE - begun - ended
                        of_x0 += of_x * begun
                        of_y0 += of_y * begun
                        of_x1 += of_x * middle
                        of_y1 += of_y * middle
                        of_x2 += of_x * ended
                        of_y2 += of_y * ended
                        # A pen thinner than a pixel is drawn as wide as one, and fainter.
                        fainter = upstream * (edge + growth * reach - distance)
                        of_near = near_share * (wider * (_ONE - part) if near_wide else fainter)
                        of_far = far_share * (wider * part if far_wide else fainter)
                        of_radius0 += of_near * (_ONE - near) + of_far * (_ONE - far)
                        of_radius1 += of_near * near + of_far * far
        of_start, of_change = _ZERO, _ZERO
        covered, later = room.covered[layer], room.later[layer]
        for down in range(room.span[layer, 0], room.span[layer, 1]):
            for column in range(LINE):
                of_start += grad[down, column] * covered[down, column]
                of_change += grad[down, column] * later[down, column]
        of_change /= np.float32(count - 1)
        sums = out[row]
        sums[0], sums[1], sums[2], sums[3], sums[4] = of_x0, of_y0, of_x1, of_y1, of_x2
        sums[5], sums[6], sums[7] = of_y2, of_radius0, of_radius1
        sums[8], sums[9], sums[10] = of_start - of_change, of_change, _ZERO

    return pen if is_kind(source, Pen) else None


@inlined
def _tapered(t, taper):
    """Share of the radius at t: `pen.tapered`."""
    square = (_ONE - t - t) * (_ONE - t - t)
    return _ONE - taper * square * square


@compiled
def _radius(curve: Array, t: float) -> Any:
    return (curve[6] + (curve[7] - curve[6]) * t) * _tapered(t, curve[10])


@compiled
def count_segments(curves: Array, first: Array) -> None:
    """Write to `first` (N + 1,) where segments of curves (N, CURVE) begin: `PenStroke.needed`."""
    first[0] = 0
    for stroke in range(len(curves)):
        curve = curves[stroke]
        middle_x = (curve[0] + 2 * curve[2] + curve[4]) / 4
        middle_y = (curve[1] + 2 * curve[3] + curve[5]) / 4
        length = math.hypot(middle_x - curve[0], middle_y - curve[1])
        length += math.hypot(curve[4] - middle_x, curve[5] - middle_y)
        bend_x = curve[0] - 2 * middle_x + curve[4]
        bend_y = curve[1] - 2 * middle_y + curve[5]
        chords = math.sqrt(4 * math.hypot(bend_x, bend_y) / (8 * LEAVES))
        shades = abs(curve[9] - curve[8]) * max(math.sqrt(2 * length), SHADES)
        widest = max(max(curve[6], curve[7]), np.float32(0))
        swells = math.sqrt(SWELL * curve[10] * widest / LEAVES)
        needed = max(chords, shades, swells, FEWEST)
        if not needed < np.inf or chords != chords:  # a curve that is no number reaches no pixel
            needed = np.float32(FEWEST)
        first[stroke + 1] = first[stroke] + math.ceil(needed)


@compiled
def cut(curves: Array, first: Array, segments: Array) -> None:
    """Cut curves (N, CURVE) into segments (S, 10): `pen.to_segments`."""
    one, zero, far = np.float32(1), np.float32(0), np.float32(1e9)
    for stroke in range(len(curves)):
        curve = curves[stroke]
        x, y, radius = curve[0], curve[1], _radius(curve, zero)
        count = first[stroke + 1] - first[stroke]
        for index in range(count):
            t = np.float32(index + 1) / np.float32(count)
            begun, middle, ended = (one - t) * (one - t), 2 * t * (one - t), t * t
            next_x = begun * curve[0] + middle * curve[2] + ended * curve[4]
            next_y = begun * curve[1] + middle * curve[3] + ended * curve[5]
            next_radius = _radius(curve, t)
            dx, dy = next_x - x, next_y - y
            length = math.sqrt(dx * dx + dy * dy)
            if length < 1e-4:
                length, dx, dy = 1e-4, one, zero
            else:
                dx, dy = dx / length, dy / length
            start, end = max(radius, _THINNEST), max(next_radius, _THINNEST)
            growth = (end - start) / length
            swallowed = abs(growth) >= 1
            lean = zero if swallowed else growth / math.sqrt(max(one - growth * growth, 1e-6))
            shift = math.copysign(far, growth) if swallowed else zero
            segment = segments[first[stroke] + index]
            segment[0], segment[1], segment[2], segment[3], segment[4] = x, y, dx, dy, length
            segment[5], segment[6], segment[7], segment[8] = start, growth, lean, shift
            segment[9] = (radius / start + next_radius / end) / 2
            x, y, radius = next_x, next_y, next_radius


@compiled
def find_rows(pen: Pen, across: int, down: int, tiles: Array, strokes: Array) -> int:
    """Find the rows of strokes on a canvas of tiles, and return how many there are.

    As many as there is room for are written to `tiles` and `strokes`, stroke by stroke.
    """
    half = np.float32(math.sqrt(2.0) * TILE / 2 + 0.5)
    rows = 0
    for stroke in range(len(pen.first) - 1):
        begin, end = pen.first[stroke], pen.first[stroke + 1]
        low_x, low_y, high_x, high_y = np.inf, np.inf, -np.inf, -np.inf
        for index in range(begin, end):
            x, y, cosine, sine, length, radius, growth = pen.segments[index, :7]
            end_x, end_y, end_radius = (
                x + cosine * length,
                y + sine * length,
                radius + growth * length,
            )
            low_x, high_x = (
                min(low_x, x - radius, end_x - end_radius),
                max(high_x, x + radius, end_x + end_radius),
            )
            low_y, high_y = (
                min(low_y, y - radius, end_y - end_radius),
                max(high_y, y + radius, end_y + end_radius),
            )
        left = max(0, math.floor((low_x - 0.5) / TILE))
        right = min(across - 1, math.floor((high_x + 0.5) / TILE))
        top = max(0, math.floor((low_y - 0.5) / TILE))
        bottom = min(down - 1, math.floor((high_y + 0.5) / TILE))
        for line in range(top, bottom + 1):
            for column in range(left, right + 1):
                x, y = np.float32((column + 0.5) * TILE), np.float32((line + 0.5) * TILE)
                for index in range(begin, end):
                    if _touches(pen.segments[index], x, y, half):
                        if rows < len(tiles):
                            tiles[rows], strokes[rows] = line * across + column, stroke
                        rows += 1
                        break
    return rows


@compiled
def _touches(segment: Array, x: float, y: float, around: float) -> Any:
    """Return True if a disc around a point, with a pixel's edge, meets the hull of a segment."""
    dx, dy = x - segment[0], y - segment[1]
    u, v = dx * segment[2] + dy * segment[3], dy * segment[2] - dx * segment[3]
    beside = u - min(max(u, np.float32(0)), segment[4])
    reach = max(segment[5], segment[5] + segment[6] * segment[4]) + around
    return beside * beside + v * v <= reach * reach
