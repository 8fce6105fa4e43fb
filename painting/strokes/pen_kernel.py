"""The pen on a CPU: the loops of `pen.py`, compiled when they are first called.

Eager tensor operations go through memory once for each of some thirty steps and over every pixel of
the window; here a segment touches only the pixels that it can reach, in registers. numba needs no
C++ compiler. Each thread has strokes of its own, so the result does not depend on their number.

Shapes: N strokes, M segments of ten numbers (`pen._segments`), R windows of H rows, W columns.
"""

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from painting.strokes.pen import Windows

Array = NDArray[Any]

_FAST = {"contract", "reassoc", "nsz", "arcp"}  # of LLVM's liberties those that keep NaN
_PIXELS = 2**14  # of these at least for each thread: starting one costs some microseconds


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile when it is first called; kept for the next start where a folder can be written."""
    try:
        kept: Callable[..., Any] = numba.njit(cache=True, nogil=True, fastmath=_FAST)(function)
    except RuntimeError:  # neither this folder nor the user's cache can be
        kept = numba.njit(nogil=True, fastmath=_FAST)(function)
    return kept


def draw(segments: Tensor, opacity: Tensor, count: Tensor, windows: Windows) -> Tensor:
    """Alpha (R, H, W) of windows, of segments (N, M, 10), opacities (N, 2) and counts (N,)."""
    owner, corner = _places(segments, windows)
    alpha = segments.new_zeros(len(owner), windows.rows, windows.columns)
    inputs = _arrays(segments, opacity, count, owner, corner)
    _in_threads(_draw, _even_shares(alpha), *inputs, alpha.numpy())
    return alpha


def differentiate(
    segments: Tensor, opacity: Tensor, count: Tensor, windows: Windows, grad: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of segments (N, M, 10) and opacities (N, 2), of that of alpha (R, H, W)."""
    of_segments, of_opacity = torch.zeros_like(segments), torch.zeros_like(opacity)
    owner, corner = _places(segments, windows)
    order = owner.argsort(stable=True) if windows.owner is not None else torch.arange(len(owner))
    # A thread has all windows of its strokes, so that no two add to the same numbers.
    ends = _even_shares(grad)
    sorted_owner = owner[order].contiguous()
    inside = torch.tensor(ends[1:-1], dtype=torch.int64)
    if len(inside):
        firsts = torch.searchsorted(sorted_owner, sorted_owner[inside])
        ends = [ends[0], *firsts.tolist(), ends[-1]]
    inputs = _arrays(segments, opacity, count, owner, corner, order, grad)
    _in_threads(_differentiate, ends, *inputs, of_segments.numpy(), of_opacity.numpy())
    return of_segments, of_opacity


def touches(segments: Tensor, count: Tensor, windows: Windows) -> Tensor:
    """Which windows (R,) have a pixel that a segment may reach."""
    owner, corner = _places(segments, windows)
    touched = torch.zeros(len(owner), dtype=torch.bool)
    center = corner + corner.new_tensor([windows.columns / 2, windows.rows / 2])
    around = math.hypot(windows.rows, windows.columns) / 2
    inputs: list[Any] = [*_arrays(segments, count, owner, center), around, touched.numpy()]
    _touch(*inputs)
    return touched


def _places(segments: Tensor, windows: Windows) -> tuple[Tensor, Tensor]:
    """Of every window its stroke (R,) and its corner (R, 2)."""
    owner = torch.arange(len(segments)) if windows.owner is None else windows.owner
    if windows.corner is None:
        return owner, segments.new_zeros(len(owner), 2)
    return owner, windows.corner.to(segments).expand(len(owner), 2)


def _arrays(*tensors: Tensor) -> list[Array]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


def _even_shares(alpha: Tensor) -> list[int]:
    """Where the windows (R, H, W) of each thread begin, and where the last one's end."""
    threads = max(1, min(torch.get_num_threads(), alpha.numel() // _PIXELS))
    return [len(alpha) * thread // threads for thread in range(threads + 1)]


def _in_threads(kernel: Callable[..., None], ends: Sequence[int], *arrays: Array) -> None:
    """Call a kernel for each range of windows, in a thread of its own."""
    if len(ends) == 2:
        kernel(*ends, *arrays)
        return
    pool = _pool(len(ends) - 1, os.getpid())
    calls = [pool.submit(kernel, start, end, *arrays) for start, end in pairwise(ends)]
    for call in calls:
        call.result()


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads of this process: one that was forked has none of its parent's."""
    return ThreadPoolExecutor(threads, thread_name_prefix="pen")


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
def _touch(
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
    """Coverage of the pixels from left to right of a row by a segment: `pen._hull_coverage`."""
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
def _draw(
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
def _differentiate(
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
