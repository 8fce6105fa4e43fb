"""The pen on a CPU: `pen.py` by compiled loops (`pen_loops.py`).

Eager tensor operations go through memory once for each of some thirty steps and over every pixel of
the window; here a segment touches only the pixels that it can reach, in registers. numba needs no
C++ compiler. Each thread has strokes of its own, so the result does not depend on their number.

Shapes: N strokes, M segments of ten numbers (`pen.to_segments`), R windows of H rows, W columns.
"""

import math
from typing import Any

import torch
from torch import Tensor

from impasto.runtime.threads import in_threads, loop_threads
from impasto.strokes.raster import pen_loops
from impasto.strokes.raster.frame import Windows
from impasto.strokes.raster.pen_loops import Array

# Of these at least for each thread: a core on which one of torch's threads still waits for its next
# part of a network is not free at once.
_PIXELS = 2**16


def draw(segments: Tensor, opacity: Tensor, count: Tensor, windows: Windows) -> Tensor:
    """Alpha (R, H, W) of windows, of segments (N, M, 10), opacities (N, 2) and counts (N,)."""
    owner, corner = _places(segments, windows)
    alpha = segments.new_empty(len(owner), windows.rows, windows.columns)  # all of it is written
    inputs = _arrays(segments, opacity, count, owner, corner)
    in_threads(pen_loops.draw, _even_shares(alpha), *inputs, alpha.numpy())
    broken = ~segments.isfinite().flatten(1).all(1)
    if broken.any():  # they reach no pixel; a network that diverges must not go unseen
        alpha[broken[owner]] = torch.nan
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
    in_threads(pen_loops.differentiate, ends, *inputs, of_segments.numpy(), of_opacity.numpy())
    return of_segments, of_opacity


def touches(segments: Tensor, count: Tensor, windows: Windows) -> Tensor:
    """Return a mask (R,) of windows with a pixel that a segment may reach."""
    owner, corner = _places(segments, windows)
    touched = torch.zeros(len(owner), dtype=torch.bool)
    center = corner + corner.new_tensor([windows.columns / 2, windows.rows / 2])
    around = math.hypot(windows.rows, windows.columns) / 2
    inputs: list[Any] = [*_arrays(segments, count, owner, center), around, touched.numpy()]
    pen_loops.touch(*inputs)
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
    """Return the first window (R, H, W) of each thread, and the end of the last one's."""
    threads = max(1, min(loop_threads(), alpha.numel() // _PIXELS))
    return [len(alpha) * thread // threads for thread in range(threads + 1)]
