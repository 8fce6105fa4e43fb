"""Filled areas on the tiles of a canvas, compiled: see `tile_source`.

They are what `coverage.py` draws by tensor operations, each times an opacity, its last number.

Shapes: N strokes, T pixels on a tile's side. Lengths are pixels.
"""

# numba reads the functions below as code.
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
# ruff: noqa: ANN001, ANN202

import math
from typing import NamedTuple

import numpy as np
from numba.extending import overload

from impasto.strokes.raster.pen_loops import Array
from impasto.strokes.raster.tile_source import LINE, draw_row, inlined, is_kind, pull_row

_ZERO, _HALF, _ONE, _TWO, _TINY = (np.float32(number) for number in (0, 0.5, 1, 2, 1e-9))


class Discs(NamedTuple):
    """Filled circles: `coverage.disc_coverage`."""

    numbers: Array  # (N, 4): x and y of the centre, radius, opacity


class Triangles(NamedTuple):
    """Filled triangles: `coverage.triangle_coverage`."""

    numbers: Array  # (N, 10): of each side x, y and c of x * px + y * py + c, inside; opacity


class Rectangles(NamedTuple):
    """Filled rectangles at an angle: `coverage.rectangle_coverage`."""

    numbers: Array  # (N, 7): centre, cosine and sine of the angle, half of both sides, opacity


@inlined
def _unit(value):
    return min(max(value, _ZERO), _ONE)


@inlined
def _inside(value):
    """Return 1 where `_unit` has a gradient."""
    return _ONE if _ZERO < value < _ONE else _ZERO


@inlined
def _disc(n, x, y):
    drawn = max(n[2], _HALF)
    dx, dy = x - n[0], y - n[1]
    distance = math.sqrt(dx * dx + dy * dy + _TINY)
    return _unit(drawn + _HALF - distance) * (n[2] / drawn) * (n[2] / drawn)


@inlined
def _triangle(n, x, y):
    one = _unit(n[0] * x + n[1] * y + n[2] + _HALF)
    two = _unit(n[3] * x + n[4] * y + n[5] + _HALF)
    three = _unit(n[6] * x + n[7] * y + n[8] + _HALF)
    return max(one + two + three - _TWO, _ZERO)


@inlined
def _overlap(position, half, shadow):
    start = max(position - shadow * _HALF, -half)
    end = min(position + shadow * _HALF, half)
    return max(end - start, _ZERO) / shadow


@inlined
def _rectangle(n, x, y):
    dx, dy = x - n[0], y - n[1]
    shadow = abs(n[2]) + abs(n[3])
    along, across = n[2] * dx + n[3] * dy, n[2] * dy - n[3] * dx
    return _overlap(along, n[4], shadow) * _overlap(across, n[5], shadow)


def _drawn(cover, opacity):
    """Return the loop that draws by a coverage function, and by the number that is its opacity."""

    def draw(source, row, stroke, x, y, alpha, layer, room, notes):
        number = source.numbers[stroke]
        room.span[layer, 0], room.span[layer, 1] = np.uint64(0), LINE
        for down in range(LINE):
            for column in range(LINE):
                covered = cover(number, room.centers[column] + x, room.centers[down] + y)
                alpha[down, column] = covered * number[opacity]
        return notes

    return draw


@overload(draw_row)
def _draw(source, row, stroke, x, y, alpha, layer, room, notes):
    forms = {Discs: (_disc, 3), Triangles: (_triangle, 9), Rectangles: (_rectangle, 6)}
    return next((_drawn(*form) for kind, form in forms.items() if is_kind(source, kind)), None)


@overload(pull_row)
def _pull(source, row, stroke, x, y, grad, layer, room, begin, end, out):
    def disc(source, row, stroke, x, y, grad, layer, room, begin, end, out):
        number, sums = source.numbers[stroke], out[row]
        radius, opacity = number[2], number[3]
        drawn = max(radius, _HALF)
        ink = (radius / drawn) * (radius / drawn)
        wide = _ONE if radius > _HALF else _ZERO
        of_x, of_y, of_radius, of_opacity = _ZERO, _ZERO, _ZERO, _ZERO
        for down in range(LINE):
            for column in range(LINE):
                dx, dy = room.centers[column] + x - number[0], room.centers[down] + y - number[1]
                distance = math.sqrt(dx * dx + dy * dy + _TINY)
                depth = drawn + _HALF - distance
                upstream = grad[down, column]
                edge = upstream * opacity * ink * _inside(depth)
                of_x += edge * dx / distance
                of_y += edge * dy / distance
                of_radius += edge * wide
                of_radius += upstream * opacity * _unit(depth) * (_ONE - wide) * 8 * radius
                of_opacity += upstream * _unit(depth) * ink
        sums[0], sums[1], sums[2], sums[3] = of_x, of_y, of_radius, of_opacity

    def triangle(source, row, stroke, x, y, grad, layer, room, begin, end, out):
        number, sums = source.numbers[stroke], out[row]
        sums[:] = 0
        for down in range(LINE):
            for column in range(LINE):
                px, py = room.centers[column] + x, room.centers[down] + y
                cover = _triangle(number, px, py)
                if cover > 0:
                    upstream = grad[down, column]
                    sums[9] += upstream * cover
                    for side in range(0, 9, 3):
                        depth = number[side] * px + number[side + 1] * py + number[side + 2]
                        edge = upstream * number[9] * _inside(depth + _HALF)
                        sums[side] += edge * px
                        sums[side + 1] += edge * py
                        sums[side + 2] += edge

    def rectangle(source, row, stroke, x, y, grad, layer, room, begin, end, out):
        number, sums = source.numbers[stroke], out[row]
        cosine, sine = number[2], number[3]
        shadow = abs(cosine) + abs(sine)
        sums[:] = 0
        for down in range(LINE):
            for column in range(LINE):
                dx, dy = room.centers[column] + x - number[0], room.centers[down] + y - number[1]
                along, across = cosine * dx + sine * dy, cosine * dy - sine * dx
                first = _overlap(along, number[4], shadow)
                second = _overlap(across, number[5], shadow)
                upstream = grad[down, column]
                sums[6] += upstream * first * second
                edge = upstream * number[6]
                if edge != 0 and first * second > 0:
                    of_along, of_half, of_shadow = _pull_overlap(along, number[4], shadow, first)
                    of_across, of_other, too = _pull_overlap(across, number[5], shadow, second)
                    of_along, of_across = edge * second * of_along, edge * first * of_across
                    of_shadow = edge * (second * of_shadow + first * too)
                    sums[0] += of_across * sine - of_along * cosine
                    sums[1] -= of_along * sine + of_across * cosine
                    sums[2] += of_along * dx + of_across * dy + of_shadow * np.sign(cosine)
                    sums[3] += of_along * dy - of_across * dx + of_shadow * np.sign(sine)
                    sums[4] += edge * second * of_half
                    sums[5] += edge * first * of_other

    forms = {Discs: disc, Triangles: triangle, Rectangles: rectangle}
    return next((pull for kind, pull in forms.items() if is_kind(source, kind)), None)


@inlined
def _pull_overlap(position, half, shadow, overlap):
    """Return the derivatives of `_overlap` by its three arguments, where it is not 0."""
    starts = _ONE if position - shadow * _HALF > -half else _ZERO  # within the side
    ends = _ONE if position + shadow * _HALF < half else _ZERO
    of_half = _TWO - starts - ends
    of_shadow = (starts + ends) * _HALF - overlap
    return (ends - starts) / shadow, of_half / shadow, of_shadow / shadow
