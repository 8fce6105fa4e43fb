"""The round pen moved along a polyline: SARA's Algorithm 1, exact and differentiable.

Shapes: N strokes, M segments, R windows of H rows and W columns. Lengths are pixels.
"""

from functools import cache
from importlib.util import find_spec
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from impasto.runtime.constants import constant
from impasto.strokes.raster.coverage import THINNEST
from impasto.strokes.raster.frame import Windows

LEAVES = 0.175  # pixels by which a segment may leave its curve
FEWEST = 8  # segments of a curve
SHADES = 16  # steps in which opacity goes from 0 to 1, on a short curve
SWELL = 3.0  # squared segments of a tapered curve that its radius needs, for each LEAVES of it
_FAR = 1e9


class Kernel(Protocol):
    """Interface of a module of compiled loops (`pen_kernel.py`, `pen_triton.py`)."""

    def draw(self, segments: Tensor, opacity: Tensor, count: Tensor, windows: Windows) -> Tensor:
        """Alpha (R, H, W), of segments (N, M, 10), opacities (N, 2) and counts (N,)."""

    def differentiate(
        self, segments: Tensor, opacity: Tensor, count: Tensor, windows: Windows, grad: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gradients of segments (N, M, 10) and opacities (N, 2), of that of alpha (R, H, W)."""

    def touches(self, segments: Tensor, count: Tensor, windows: Windows) -> Tensor:
        """Return a mask (R,) of windows with a pixel that a segment may reach."""


@cache
def kernel_of(device: str) -> Kernel | None:
    """Return the kernel that draws on a type of device: the one place where that is chosen.

    numba's loops on a CPU, Triton's on CUDA where Triton is installed; None is tensor operations
    (`pen_eager.py`), which run anywhere.
    """
    if device == "cpu":
        from impasto.strokes.raster import pen_kernel  # importing numba takes half a second

        return pen_kernel
    if device == "cuda" and find_spec("triton") is not None:
        from impasto.strokes.raster import pen_triton

        return pen_triton
    return None


def tapered(t: Tensor, taper: float) -> Tensor:
    """Return the share of its radius that a pen has at t in [0, 1], which falls at both ends.

    It is 1 - taper (2 t - 1)^4: smooth, near 1 over most of the way, 1 - taper at the ends.
    """
    return 1 - taper * (2 * t - 1).square().square()


def pen_alpha(segments: Tensor, opacity: Tensor, count: Tensor, windows: Windows) -> Tensor:
    """Alpha of a round pen moved along a polyline, whose later paint replaces earlier paint.

    Algorithm 1 draws 100 discs along the curve, each overwriting what lies below, with an opacity
    linear in t. A pixel therefore shows the opacity at the *last* t whose disc covers it. With
    M(t) the coverage by all discs from t on (its running maximum from the end) this is

        alpha = opacity0 * M(0) + (opacity1 - opacity0) * integral of M(t) dt,

    which has soft edges also where a stroke crosses itself, and a gradient in every parameter.
    Here M is taken per segment; between two points the pen is the exact hull of two discs.

    Args:
        segments: (N, M, 10), see `to_segments`, M at least 2.
        opacity: (N, 2), opacity at the first and at the last point, in [0, 1].
        count: (N,) int64, how many of a stroke's segments are drawn, at least 2.
        windows: What to draw.

    Returns:
        (R, H, W) in [0, 1]. It can be differentiated once.
    """
    kernel = kernel_of(segments.device.type)
    if kernel is not None:
        drawn: Tensor = _CompiledPen.apply(segments, opacity, count, windows, kernel)
        return drawn
    from impasto.strokes.raster import pen_eager

    return pen_eager.draw(segments, opacity, count, windows)


@torch.no_grad()
def pen_touches(segments: Tensor, count: Tensor, windows: Windows) -> Tensor:
    """Return a mask (R,) of windows that the pen touches; all True where drawing costs less."""
    kernel = kernel_of(segments.device.type)
    if kernel is None:
        assert windows.owner is not None
        return torch.ones(len(windows.owner), dtype=torch.bool, device=segments.device)
    return kernel.touches(segments, count, windows)


def most_segments(count: Tensor, bound: int) -> tuple[Tensor, int]:
    """Return the number of segments M for every stroke: the most that any needs of counts (N,).

    On CUDA the kernels draw no more of them than a stroke needs, and asking for the most would wait
    for all that is queued there: M is `bound`, and what needs more is drawn in so many.

    Returns:
        The counts, (N,), and M.
    """
    if count.device.type == "cuda" and kernel_of("cuda") is not None:
        return count.clamp_max(bound), bound
    return count, int(count.max()) if len(count) else bound


class _CompiledPen(torch.autograd.Function):
    """`pen_alpha` by compiled loops, of segments (N, M, 10)."""

    @staticmethod
    def forward(
        ctx: Any,
        segments: Tensor,
        opacity: Tensor,
        count: Tensor,
        windows: Windows,
        kernel: Kernel,
    ) -> Tensor:
        ctx.save_for_backward(segments, opacity, count)
        ctx.windows, ctx.kernel = windows, kernel
        return kernel.draw(segments, opacity, count, windows)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        segments, opacity, count = ctx.saved_tensors
        of = ctx.kernel.differentiate(segments, opacity, count, ctx.windows, grad)
        return *of, None, None, None


def to_segments(points: Tensor, radii: Tensor) -> Tensor:
    """Compute what drawing needs of every segment of polylines.

    Start (x, y), direction (x, y), length; then of its pen: radius at the start, growth per pixel,
    `lean` and `shift` (where along the segment the disc nearest to a pixel lies, see
    `pen_eager.hull_coverage`), and ink (less than 1 for a pen thinner than a pixel).

    Args:
        points: (N, M + 1, 2), x and y in pixels.
        radii: (N, M + 1), pixels.

    Returns:
        (N, M, 10).
    """
    start, step = points[:, :-1], points[:, 1:] - points[:, :-1]  # (N, M, 2)
    square = step.square().sum(-1)
    standing = square < 1e-8  # a pen that does not move has no direction: any will do
    length = torch.where(standing, 1e-4, square.clamp_min(1e-8).sqrt())  # (N, M)
    along_x = constant((1.0, 0.0), step)
    direction = torch.where(standing[..., None], along_x, step / length[..., None])
    drawn = radii.clamp_min(THINNEST)
    ink = radii / drawn
    growth = (drawn[:, 1:] - drawn[:, :-1]) / length
    swallowed = growth.abs() >= 1  # one end's disc lies inside the other's
    lean = growth / (1 - growth.square()).clamp_min(1e-6).sqrt()
    lean = torch.where(swallowed, torch.zeros_like(lean), lean)
    shift = torch.where(swallowed, growth.sign() * _FAR, torch.zeros_like(growth))
    pen = (length, drawn[:, :-1], growth, lean, shift, (ink[:, 1:] + ink[:, :-1]) / 2)
    return torch.cat([start, direction, torch.stack(pen, dim=-1)], dim=-1)
