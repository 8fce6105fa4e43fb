"""The loops of `pen_kernel.py`, compiled when they are first called.

Shapes: N strokes, M segments of ten numbers (`pen.to_segments`), R windows of H rows, W columns.
"""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

FAST = {"contract", "reassoc", "nsz", "arcp"}  # of LLVM's liberties those that keep NaN


def _sources() -> str:
    """Return a fingerprint of this folder: loops of one file are compiled into those of another."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


_SOURCES = _sources()


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile when it is first called; kept for the next start where a folder can be written."""
    try:
        loop: Callable[..., Any] = numba.njit(cache=True, nogil=True, fastmath=FAST)(function)
        # numba looks at the file of the function alone, and would go on with what is no longer so.
        loop._cache._cache_file._source_stamp = _SOURCES  # type: ignore[attr-defined]
    except RuntimeError:  # neither this folder nor the user's cache can be
        loop = numba.njit(nogil=True, fastmath=FAST)(function)
    return loop


@compiled
def touch(
    segments: Array, counts: Array, owner: Array, center: Array, around: float, touched: Array
) -> None:
    """Mark in `touched` the windows around whose center a disc meets the hull of a segment."""
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


@compiled
def box(
    segment: Array, corner_x: float, corner_y: float, height: int, width: int
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """The pixels that a segment may reach: first row, one past the last, the same of columns.

    They are unsigned: where an index might be negative, and so count from the end, it is looked at
    for every pixel, and the loop over them is not vectorized.
    """
    x, y = segment[0] - corner_x, segment[1] - corner_y
    end_x, end_y = x + segment[2] * segment[4], y + segment[3] * segment[4]
    # Half a pixel of edge, half of a centre.
    reach = max(segment[5], segment[5] + segment[6] * segment[4]) + segment.dtype.type(1)
    low_x, high_x = min(x, end_x) - reach, max(x, end_x) + reach
    low_y, high_y = min(y, end_y) - reach, max(y, end_y) + reach
    if not (low_x < width and high_x > 0 and low_y < height and high_y > 0):  # or is no number
        return np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
    bottom, right = math.ceil(min(high_y, height)), math.ceil(min(high_x, width))
    return np.uint64(max(low_y, 0)), np.uint64(bottom), np.uint64(max(low_x, 0)), np.uint64(right)


@compiled
def _cover_row(
    segment: Array,
    corner_x: float,
    y: float,
    left: np.uint64,
    right: np.uint64,
    centers: Array,
    coverage: Array,
) -> None:
    """Coverage of a row's pixels from left to right by a segment: `pen_eager.hull_coverage`."""
    number = coverage.dtype.type
    zero, one, tiny = number(0), number(1), number(1e-9)
    start_x, cosine, sine, length = segment[0] - corner_x, segment[2], segment[3], segment[4]
    edge, growth, lean, shift = segment[5] + number(0.5), segment[6], segment[7], segment[8]
    ink, down = segment[9], y - segment[1]
    along, across = down * sine, down * cosine
    for column in range(left, right):
        right_of = centers[column] - start_x
        u, v = right_of * cosine + along, across - right_of * sine
        reach = min(max(u + lean * abs(v) + shift, zero), length)
        beside = u - reach
        distance = math.sqrt(beside * beside + v * v + tiny)
        coverage[column] = min(max(edge + growth * reach - distance, zero), one) * ink


@compiled
def draw(
    first: int,
    last: int,
    segments: Array,
    opacity: Array,
    counts: Array,
    owner: Array,
    corner: Array,
    alpha: Array,
) -> None:
    """Draw a range of windows into alpha (R, H, W)."""
    height, width = alpha.shape[1:]
    rows, columns = np.uint64(height), np.uint64(width)  # see `box`
    number = alpha.dtype.type
    centers = (np.arange(max(height, width)) + 0.5).astype(alpha.dtype)
    covered = np.zeros((height, width), alpha.dtype)  # M(0)
    later = np.zeros((height, width), alpha.dtype)  # the sum of M of all but the first segment
    coverage = np.zeros(width, alpha.dtype)
    for window in range(first, last):
        stroke, x, y = owner[window], corner[window, 0], corner[window, 1]
        covered[:] = 0
        later[:] = 0
        for index in range(counts[stroke] - 1, -1, -1):
            segment, weight = segments[stroke, index], number(index)
            top, bottom, left, right = box(segment, x, y, height, width)
            for row in range(top, bottom):
                _cover_row(segment, x, centers[row] + y, left, right, centers, coverage)
                for column in range(left, right):
                    # What a segment adds is in M of every segment from here to the first.
                    more = max(coverage[column] - covered[row, column], number(0))
                    covered[row, column] += more
                    later[row, column] += more * weight
        start = opacity[stroke, 0]
        change = (opacity[stroke, 1] - start) / number(counts[stroke] - 1)
        for row in range(rows):
            for column in range(columns):
                alpha[window, row, column] = (
                    start * covered[row, column] + change * later[row, column]
                )


@compiled
def differentiate(
    first: int,
    last: int,
    segments: Array,
    opacity: Array,
    counts: Array,
    owner: Array,
    corner: Array,
    order: Array,
    grad: Array,
    of_segments: Array,
    of_opacity: Array,
) -> None:
    """Add the gradients of a range of windows in an order, of that of alpha (R, H, W)."""
    height, width = grad.shape[1:]
    rows, columns = np.uint64(height), np.uint64(width)  # see `box`
    number = grad.dtype.type
    zero, one = number(0), number(1)
    centers = (np.arange(max(height, width)) + 0.5).astype(grad.dtype)
    covered = np.zeros((height, width), grad.dtype)
    later = np.zeros((height, width), grad.dtype)
    shown = np.zeros((height, width), grad.dtype)  # the segment that shows so far
    partly = np.zeros((height, width), grad.dtype)  # 1 where it covers a part of the pixel
    coverage = np.zeros(width, grad.dtype)
    for place in range(first, last):
        window = order[place]
        stroke = owner[window]
        count = counts[stroke]
        x, y = corner[window, 0], corner[window, 1]
        covered[:] = 0
        later[:] = 0
        partly[:] = 0
        start = opacity[stroke, 0]
        change = (opacity[stroke, 1] - start) / number(count - 1)
        for index in range(count - 1, -1, -1):
            segment, ink = segments[stroke, index], segments[stroke, index, 9]
            top, bottom, left, right = box(segment, x, y, height, width)
            for row in range(top, bottom):
                _cover_row(segment, x, centers[row] + y, left, right, centers, coverage)
                hidden = zero
                for column in range(left, right):
                    part = partly[row, column]
                    hidden += part if coverage[column] > covered[row, column] else zero
                if hidden > 0:
                    # Where it is M of the segments after this one alone.
                    for column in range(left, right):
                        if partly[row, column] > 0 and coverage[column] > covered[row, column]:
                            before = int(shown[row, column])
                            _move_edge(
                                segments[stroke, before],
                                centers[column] + x,
                                centers[row] + y,
                                grad[window, row, column] * change * number(before - index),
                                of_segments[stroke, before],
                            )
                for column in range(left, right):
                    # Everything is read first: a read behind a condition is not vectorized.
                    now, was = coverage[column], covered[row, column]
                    segment_was, part_was = shown[row, column], partly[row, column]
                    part = one if now < ink else zero
                    later[row, column] += max(now - was, zero) * number(index)
                    shown[row, column] = number(index) if now > was else segment_was
                    partly[row, column] = part if now > was else part_was
                    covered[row, column] = max(now, was)
        of_start, of_change = zero, zero
        for row in range(rows):
            for column in range(columns):
                upstream = grad[window, row, column]
                of_start += upstream * covered[row, column]
                of_change += upstream * later[row, column]
        for row in range(rows):
            for column in range(columns):
                if partly[row, column] > 0:
                    # It is M(0), and M of all segments but the first up to itself.
                    before = int(shown[row, column])
                    _move_edge(
                        segments[stroke, before],
                        centers[column] + x,
                        centers[row] + y,
                        grad[window, row, column] * (start + change * number(before)),
                        of_segments[stroke, before],
                    )
        of_end = of_change / number(count - 1)
        of_opacity[stroke, 0] += of_start - of_end
        of_opacity[stroke, 1] += of_end


@compiled
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
