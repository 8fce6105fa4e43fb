"""The loops of `pen_kernel.py`, compiled when they are first called.

Shapes: N strokes, M segments of ten numbers (`pen.to_segments`), R windows of H rows, W columns.
"""

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_FAST = {"contract", "reassoc", "nsz", "arcp"}  # of LLVM's liberties those that keep NaN


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile when it is first called; kept for the next start where a folder can be written."""
    try:
        kept: Callable[..., Any] = numba.njit(cache=True, nogil=True, fastmath=_FAST)(function)
    except RuntimeError:  # neither this folder nor the user's cache can be
        kept = numba.njit(nogil=True, fastmath=_FAST)(function)
    return kept


@_compiled
def _place(segments: Array, corner: Array, local: Array) -> None:
    """A stroke's segments (M, 10) as seen from a window's corner (2,)."""
    local[:] = segments
    for index in range(len(segments)):
        local[index, 0] -= corner[0]
        local[index, 1] -= corner[1]


@_compiled
def _box(segment: Array, height: int, width: int) -> tuple[int, int, int, int]:
    """The pixels that a segment may reach: first row, one past the last, the same of columns."""
    x, y, cosine, sine, length, radius, growth = segment[:7]
    reach = max(radius, radius + growth * length) + 1.0  # half a pixel of edge, half of a centre
    end_x, end_y = x + cosine * length, y + sine * length
    top = max(0, math.floor(min(y, end_y) - reach))
    bottom = min(height, math.ceil(max(y, end_y) + reach))
    left = max(0, math.floor(min(x, end_x) - reach))
    right = min(width, math.ceil(max(x, end_x) + reach))
    return top, bottom, left, right


@_compiled
def touch(
    segments: Array, counts: Array, owner: Array, center: Array, around: float, touched: Array
) -> None:
    """Whether a disc around each window's center (2,) meets the hull of a segment."""
    for window in range(len(owner)):
        stroke = owner[window]
        for index in range(counts[stroke]):
            segment = segments[stroke, index]
            dx, dy = center[window, 0] - segment[0], center[window, 1] - segment[1]
            u = dx * segment[2] + dy * segment[3]
            v = dy * segment[2] - dx * segment[3]
            widest = max(segment[5], segment[5] + segment[6] * segment[4])
            beside = u - min(max(u, 0.0), segment[4])
            reach = widest + 0.5 + around
            if beside * beside + v * v <= reach * reach:
                touched[window] = True
                break


@_compiled
def _cover_row(
    segment: Array, y: float, left: int, right: int, centers: Array, coverage: Array
) -> None:
    """Coverage of a row's pixels from left to right by a segment: `pen_eager.hull_coverage`."""
    start_x, start_y, cosine, sine, length, radius, growth, lean, shift, ink = (
        segment[0], segment[1], segment[2], segment[3], segment[4],
        segment[5], segment[6], segment[7], segment[8], segment[9],
    )  # fmt: skip
    number = coverage.dtype.type
    zero, half, one, tiny = number(0), number(0.5), number(1), number(1e-9)
    down = y - start_y
    along, across = down * sine, down * cosine
    for column in range(left, right):
        right_of = centers[column] - start_x
        u, v = right_of * cosine + along, across - right_of * sine
        reach = min(max(u + lean * abs(v) + shift, zero), length)
        beside = u - reach
        distance = math.sqrt(beside * beside + v * v + tiny)
        coverage[column] = min(max(radius + half + growth * reach - distance, zero), one) * ink


@_compiled
def draw(
    first: int, last: int, segments: Array, opacity: Array, counts: Array, owner: Array,
    corner: Array, alpha: Array,
) -> None:  # fmt: skip
    """Draw a range of windows into alpha (R, H, W), which is 0."""
    height, width = alpha.shape[1], alpha.shape[2]
    number = alpha.dtype.type
    centers = (np.arange(max(height, width)) + 0.5).astype(alpha.dtype)
    local = np.empty(segments.shape[1:], alpha.dtype)
    covered = np.zeros((height, width), alpha.dtype)  # M(0)
    later = np.zeros((height, width), alpha.dtype)  # the sum of M of all but the first segment
    coverage = np.zeros(width, alpha.dtype)
    for window in range(first, last):
        stroke = owner[window]
        count = counts[stroke]
        _place(segments[stroke], corner[window], local)
        covered[:] = 0
        later[:] = 0
        for index in range(count - 1, -1, -1):
            segment, weight = local[index], number(index)
            top, bottom, left, right = _box(segment, height, width)
            for row in range(top, bottom):
                _cover_row(segment, centers[row], left, right, centers, coverage)
                for column in range(left, right):
                    # What a segment adds is in M of every segment from here to the first.
                    more = max(coverage[column] - covered[row, column], number(0))
                    covered[row, column] += more
                    later[row, column] += more * weight
        start = opacity[stroke, 0]
        change = (opacity[stroke, 1] - start) / number(count - 1)
        for row in range(height):
            for column in range(width):
                alpha[window, row, column] = (
                    start * covered[row, column] + change * later[row, column]
                )


@_compiled
def differentiate(
    first: int, last: int, segments: Array, opacity: Array, counts: Array, owner: Array,
    corner: Array, order: Array, grad: Array, of_segments: Array, of_opacity: Array,
) -> None:  # fmt: skip
    """Add the gradients of a range of windows in an order, of that of alpha (R, H, W)."""
    height, width = grad.shape[1], grad.shape[2]
    number = grad.dtype.type
    centers = (np.arange(max(height, width)) + 0.5).astype(grad.dtype)
    local = np.empty(segments.shape[1:], grad.dtype)
    covered = np.zeros((height, width), grad.dtype)
    shown = np.zeros((height, width), np.int64)  # the segment that shows so far
    coverage = np.zeros(width, grad.dtype)
    for place in range(first, last):
        window = order[place]
        stroke = owner[window]
        count = counts[stroke]
        _place(segments[stroke], corner[window], local)
        covered[:] = 0
        shown[:] = -1
        start = opacity[stroke, 0]
        change = (opacity[stroke, 1] - start) / number(count - 1)
        of_start, of_change = number(0), number(0)
        for index in range(count - 1, -1, -1):
            segment = local[index]
            top, bottom, left, right = _box(segment, height, width)
            for row in range(top, bottom):
                _cover_row(segment, centers[row], left, right, centers, coverage)
                for column in range(left, right):
                    if coverage[column] <= covered[row, column]:
                        continue
                    upstream = grad[window, row, column]
                    more = (coverage[column] - covered[row, column]) * upstream
                    of_start += more
                    of_change += more * number(index)
                    before = shown[row, column]
                    if before >= 0 and covered[row, column] < local[before, 9]:
                        # It is M of the segments after this one.
                        weight = change * number(before - index)
                        _move_edge(
                            local[before], centers[column], centers[row],
                            upstream * weight, of_segments[stroke, before],
                        )  # fmt: skip
                    covered[row, column] = coverage[column]
                    shown[row, column] = index
        for row in range(height):
            for column in range(width):
                before = shown[row, column]
                if before >= 0 and covered[row, column] < local[before, 9]:
                    # It is M(0), and M of all segments but the first up to itself.
                    weight = start + change * number(before)
                    _move_edge(
                        local[before], centers[column], centers[row],
                        grad[window, row, column] * weight, of_segments[stroke, before],
                    )  # fmt: skip
        of_end = of_change / number(count - 1)
        of_opacity[stroke, 0] += of_start - of_end
        of_opacity[stroke, 1] += of_end


@_compiled
def _move_edge(segment: Array, x: float, y: float, upstream: float, grad: Array) -> None:
    """Add one partly covered pixel's gradient in a segment's ten numbers.

    Where along the segment the nearest disc lies is held: the signed distance is least there, so
    by the envelope theorem moving it adds nothing.
    """
    number = grad.dtype.type
    cosine, sine, length, growth, ink = segment[2], segment[3], segment[4], segment[6], segment[9]
    dx, dy = x - segment[0], y - segment[1]
    u, v = dx * cosine + dy * sine, dy * cosine - dx * sine
    reach = min(max(u + segment[7] * abs(v) + segment[8], number(0)), length)
    beside = u - reach
    distance = math.sqrt(beside * beside + v * v + number(1e-9))
    grad[9] += upstream * (segment[5] + number(0.5) + growth * reach - distance)
    outward = upstream * ink
    of_u, of_v = -outward * beside / distance, -outward * v / distance
    grad[0] -= of_u * cosine - of_v * sine
    grad[1] -= of_u * sine + of_v * cosine
    grad[2] += of_u * dx + of_v * dy
    grad[3] += of_u * dy - of_v * dx
    grad[4] += (outward * growth - of_u) * reach / length  # reach is a share of the length
    grad[5] += outward
    grad[6] += outward * reach
