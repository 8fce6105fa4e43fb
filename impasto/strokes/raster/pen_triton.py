"""The pen on a GPU: `pen.py` by Triton's kernels (`pen_triton_loops.py`).

A program draws one tile of one window in registers, and skips the segments that do not reach it.
Nothing here waits for the device.

Gradients are summed over a tile in its program. Where memory allows, every tile writes sums of its
own, which are then added up in one order; else tiles add to a stroke's gradient as they come, and
its last bits vary from run to run.

Shapes: N strokes, M segments of ten numbers (`pen.to_segments`), R windows of H rows, W columns, K
tiles a window.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.strokes.raster import pen_triton_loops
from impasto.strokes.raster.frame import Windows

# A product and a sum are two roundings, as on a CPU, whatever a user's Triton does by default: what
# is drawn and what is differentiated then agree on which segment shows at a pixel.
OPTIONS = {"enable_fp_fusion": False}
_TILE = 32  # pixels on a side, at most
_WARP_PIXELS = 256  # of a tile, for each of its program's warps
_OWN_SUMS = 2**26  # numbers, 256 MB: at most so many are kept so that tiles need not share


@dataclass(frozen=True)
class _Grid:
    """Division of the windows into tiles."""

    rows: int  # of a tile, a power of two
    columns: int
    across: int  # tiles in a row of them
    tiles: int  # of a window, K

    @property
    def warps(self) -> int:
        """Warps of a program."""
        return max(1, self.rows * self.columns // _WARP_PIXELS)


def draw(segments: Tensor, opacity: Tensor, count: Tensor, windows: Windows) -> Tensor:
    """Alpha (R, H, W) of windows, of segments (N, M, 10), opacities (N, 2) and counts (N,)."""
    owner, corner = _places(segments, windows)
    alpha = segments.new_empty(len(owner), windows.rows, windows.columns)
    grid = _grid(windows)
    if len(owner) == 0:
        return alpha
    # Strokes that are no numbers reach no pixel; a network that diverges must not go unseen.
    broken = ~segments.isfinite().flatten(1).all(1)
    opacity = opacity.masked_fill(broken[:, None], torch.nan)
    inputs = (*_contiguous(segments, opacity, count), owner, corner, alpha)
    with torch.cuda.device_of(segments):
        pen_triton_loops.draw[(len(owner) * grid.tiles,)](
            *inputs,
            windows.rows,
            windows.columns,
            segments.shape[1],
            grid.across,
            grid.tiles,
            rows=grid.rows,
            columns=grid.columns,
            num_warps=grid.warps,
            **OPTIONS,
        )
    return alpha


def differentiate(
    segments: Tensor, opacity: Tensor, count: Tensor, windows: Windows, grad: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of segments (N, M, 10) and opacities (N, 2), of that of alpha (R, H, W)."""
    owner, corner = _places(segments, windows)
    grid = _grid(windows)
    if len(owner) == 0:
        return torch.zeros_like(segments), torch.zeros_like(opacity)
    programs, most = len(owner) * grid.tiles, segments.shape[1]
    alone = programs * most * 10 <= _OWN_SUMS
    sums = programs if alone else len(segments)
    of_segments = segments.new_zeros(sums, most, 10)
    of_opacity = segments.new_zeros(sums, 2)
    inputs = (*_contiguous(segments, opacity, count), owner, corner, grad.contiguous())
    with torch.cuda.device_of(segments):
        pen_triton_loops.differentiate[(programs,)](
            *inputs,
            of_segments,
            of_opacity,
            windows.rows,
            windows.columns,
            most,
            grid.across,
            grid.tiles,
            alone=alone,
            rows=grid.rows,
            columns=grid.columns,
            num_warps=grid.warps,
            **OPTIONS,
        )
    if alone:
        of_segments = _summed(of_segments, windows, len(segments), grid)
        of_opacity = _summed(of_opacity, windows, len(segments), grid)
    return of_segments, of_opacity


def touches(segments: Tensor, count: Tensor, windows: Windows) -> Tensor:
    """Return a mask (R,) of windows with a pixel that a segment may reach."""
    owner, corner = _places(segments, windows)
    touched = torch.empty(len(owner), dtype=torch.bool, device=segments.device)
    if len(owner) == 0:
        return touched
    middle = torch.stack([corner[:, 0] + windows.columns / 2, corner[:, 1] + windows.rows / 2], 1)
    around = math.hypot(windows.rows, windows.columns) / 2
    inputs = (*_contiguous(segments, count), owner, middle)
    with torch.cuda.device_of(segments):
        pen_triton_loops.touch[(len(owner),)](
            *inputs, around, touched, segments.shape[1], num_warps=1, **OPTIONS
        )
    return touched


def _places(segments: Tensor, windows: Windows) -> tuple[Tensor, Tensor]:
    """Of every window its stroke (R,) and its corner (R, 2), contiguous."""
    owner = windows.owner
    if owner is None:
        owner = torch.arange(len(segments), device=segments.device)
    if windows.corner is None:
        return owner.contiguous(), segments.new_zeros(len(owner), 2)
    corner = windows.corner.to(segments).expand(len(owner), 2)
    return owner.contiguous(), corner.contiguous()


def _contiguous(*tensors: Tensor) -> list[Tensor]:
    return [tensor.detach().contiguous() for tensor in tensors]


def _grid(windows: Windows) -> _Grid:
    rows, columns = (min(_TILE, _power(side)) for side in (windows.rows, windows.columns))
    across = -(-windows.columns // columns)
    return _Grid(rows, columns, across, across * -(-windows.rows // rows))


def _power(side: int) -> int:
    """The least power of two that is not below a number of pixels."""
    return 1 << (side - 1).bit_length()


def _summed(sums: Tensor, windows: Windows, strokes: int, grid: _Grid) -> Tensor:
    """The tiles' sums (R K, …) added up for each stroke, (N, …), in one order."""
    of_windows: Tensor = sums.unflatten(0, (-1, grid.tiles)).sum(1)
    if windows.owner is None:
        return of_windows
    total = sums.new_zeros(strokes, *sums.shape[1:])
    # It sorts by owner first; index_add_ would add as they come.
    total.index_put_((windows.owner,), of_windows, accumulate=True)
    return total
