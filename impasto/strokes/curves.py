"""Strokes of a round pen along a curve: quadratic Bézier and straight line."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.strokes.base import Frame, Stroke
from impasto.strokes.conversion import columns
from impasto.strokes.geometry import Path, Trace, straight
from impasto.strokes.raster.coverage import THINNEST
from impasto.strokes.raster.frame import Windows
from impasto.strokes.raster.outlines import Outlines
from impasto.strokes.raster.pen import (
    FEWEST,
    LEAVES,
    SHADES,
    SWELL,
    most_segments,
    pen_alpha,
    pen_touches,
    tapered,
    to_segments,
)


class PenStroke(Stroke):
    """A pen whose radius and opacity change linearly in t along a curve (SARA, Algorithm 1).

    Its vector begins with the curve's first point; every other point moves towards that one if the
    coordinates named by `ends` do, which stand side by side.

    Attributes:
        taper: Share of its radius that the pen loses towards its ends (`tapered`).
    """

    ends: tuple[str, ...]
    taper: ClassVar[float] = 0.0

    def outlines(self, shape: Tensor, height: int, width: int) -> Outlines:
        """See `Stroke.outlines`: all of it goes by the polyline."""
        shape = self._checked(shape)
        points, radii, count = self._polyline(shape, Frame(height, width, height, width))
        opacity = torch.stack(self._numbers(shape, "opacity0", "opacity1"), dim=1)
        segments = to_segments(points, radii)
        return _PenOutlines(shape, height, width, points, radii, segments, opacity, count)

    def form(self, shape: Tensor, height: int, width: int) -> tuple[str, Tensor]:
        """See `Stroke.form`."""
        frame, trace = Frame(height, width, height, width), self.trace(shape)
        parts = [frame.pixels(trace.points).flatten(1), frame.radius(trace.radius), trace.pressure]
        parts.append(shape.new_full((len(shape), 1), self.taper))
        return "pen", torch.cat(parts, dim=1).float()

    def _draw(self, shape: Tensor, frame: Frame) -> Tensor:
        windows = Windows(frame.rows, frame.columns, None, frame.corner)
        return self.outlines(shape, frame.height, frame.width).draw(windows)

    def _numbers(self, shape: Tensor, *names: str) -> list[Tensor]:
        """Return columns (N,) of shapes; an index of several would be copied from the host."""
        return [shape[:, column] for column in columns(self, names)]

    def _polyline(self, shape: Tensor, frame: Frame) -> tuple[Tensor, Tensor, Tensor]:
        """Cut each curve into as many segments as its bend and its opacity need.

        Returns:
            Points (N, M + 1, 2) and radii (N, M + 1) in pixels of the frame, and how many of the M
            segments are each curve's own, (N,); the rest stand at its end.
        """
        bound = _most_needed(math.hypot(frame.height, frame.width))
        count, most = most_segments(self._needed(shape, frame), bound)
        t = torch.arange(most + 1, device=shape.device) / count[:, None]
        return *self._along(shape, frame, t.clamp_max(1).to(shape)), count

    def _along(self, shape: Tensor, frame: Frame, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return points (N, M, 2) and radii (N, M) in pixels, at parameters t (M,) or (N, M)."""
        radius0, radius1 = (
            column[:, None] for column in self._numbers(shape, "radius0", "radius1")
        )
        radii = frame.radius(radius0 + (radius1 - radius0) * t)
        return frame.pixels(self.curve(shape, t)), radii * tapered(t, self.taper)

    @torch.no_grad()
    def _needed(self, shape: Tensor, frame: Frame) -> Tensor:
        """Return the number of segments that draw each curve, (N,) int64.

        A chord of 1 / M of a quadratic curve leaves it by |B''| / 8 M² at most. Opacity goes in
        steps, one for a segment: more of them on a longer curve, whose pixels show more. The radius
        of a tapered pen bends, too.
        """
        halves = torch.arange(3, device=shape.device).to(shape) / 2
        middle = frame.pixels(self.curve(shape, halves))
        length = (middle[:, 1:] - middle[:, :-1]).square().sum(-1).sqrt().sum(1)
        start, end = self._numbers(shape, "opacity0", "opacity1")
        shades = (end - start).abs() * (2 * length).sqrt().clamp_min(SHADES)
        chords = (_bend(middle) / (8 * LEAVES)).sqrt()
        radii = torch.stack(self._numbers(shape, "radius0", "radius1"), dim=1)
        widest = frame.radius(radii).amax(1).clamp_min(0)
        swells = (SWELL * self.taper * widest / LEAVES).sqrt()
        needed = torch.maximum(torch.maximum(chords, shades), swells).ceil().clamp_min(FEWEST)
        return needed.nan_to_num(FEWEST, FEWEST).long()  # a NaN is drawn, and found by its loss

    def mark(self, shape: Tensor, height: int, width: int) -> Path:
        """See `Stroke.mark`; in no more segments than its bend and its opacity need to be seen."""
        row, frame = shape.double()[None], Frame(height, width, height, width)
        start, end = shape[columns(self, ["opacity0", "opacity1"])].tolist()
        bend = float(_bend(frame.pixels(self.curve(row, row.new_tensor([0.0, 0.5, 1.0]))))[0])
        chords = math.ceil(math.sqrt(bend / (8 * _MARK_LEAVES)))
        needed = max(2, chords, math.ceil(abs(end - start) * _MARK_SHADES))
        needed = max(needed, _MARK_SWELLS) if self.taper else needed
        segments = min(needed, int(self._needed(row, frame)))
        t = torch.linspace(0, 1, segments + 1).to(row)
        points, radii = self._along(row, frame, t)
        nodes = frame.pixels(self.trace(row).points)[0].numpy()
        return Path(points[0].numpy(), radii[0].numpy(), np.linspace(start, end, segments), nodes)

    def _pen(self, shape: Tensor, points: Tensor) -> Trace:
        """Return the movement of a pen along points (N, 3, 2)."""
        starts = (columns(self, [f"{what}0", f"{what}1"]) for what in ("radius", "opacity"))
        return Trace(points, *(shape[:, pair] for pair in starts))

    def shorten(self, shape: Tensor, longest: float) -> Tensor:
        """Shrink curves (N, S) longer than so many canvas sides towards their first point."""
        t = torch.linspace(0, 1, _MEASURED + 1).to(shape)
        points = self.curve(shape, t)  # (N, M + 1, 2)
        step = points[:, 1:] - points[:, :-1]
        length = (step.square().sum(-1) + 1e-12).sqrt().sum(1, keepdim=True)  # (N, 1)
        share = (longest / length).clamp_max(1)
        first, *_, last = columns(self, self.ends)
        moving = shape[:, first : last + 1]
        start = shape[:, 0:2].repeat(1, len(self.ends) // 2)
        nearer = start + (moving - start) * share
        return torch.cat([shape[:, :first], nearer, shape[:, last + 1 :]], dim=1)

    @abstractmethod
    def trace(self, shape: Tensor) -> Trace:
        """See `AlongCurve.trace`."""

    @abstractmethod
    def curve(self, shape: Tensor, t: Tensor) -> Tensor:
        """Return points (N, M, 2) of the curves, as fractions of width and height.

        Args:
            shape: (N, S).
            t: Parameters in [0, 1], (M,), or (N, M) if every curve has its own.
        """


@dataclass(frozen=True)
class _PenOutlines(Outlines):
    """Outlines of curves, as polylines.

    Attributes:
        points: (N, M + 1, 2), in pixels of the canvas.
        radii: (N, M + 1), in pixels.
        segments: (N, M, 10), of these points.
        opacity: (N, 2), at a curve's first and last point.
        count: (N,) int64, how many of a curve's segments are its own.
    """

    points: Tensor
    radii: Tensor
    segments: Tensor
    opacity: Tensor
    count: Tensor

    def draw(self, windows: Windows) -> Tensor:
        """See `Outlines.draw`."""
        return pen_alpha(self.segments, self.opacity, self.count, windows)

    def touched(self, windows: Windows) -> Tensor:
        """See `Outlines.touched`: half of the windows in the box of a slanting curve have none."""
        return pen_touches(self.segments, self.count, windows)

    def _extent(self) -> tuple[Tensor, Tensor]:
        radii = self.radii.clamp_min(THINNEST)[..., None]
        return (self.points - radii).amin(1), (self.points + radii).amax(1)


_MARK_LEAVES = 0.1  # pixels by which a chord of a mark may leave its curve
_MARK_SHADES = 32  # steps in which opacity goes from 0 to 1 in a mark
_MARK_SWELLS = 24  # segments of a tapered mark
_MEASURED = 32  # pieces of a curve whose chords are its length, to a thousandth


def _bend(middle: Tensor) -> Tensor:
    """Return |B''| (N,) of quadratic curves, by their points (N, 3, 2) at t = 0, 1/2 and 1."""
    bend: Tensor = 4 * (middle[:, 0] - 2 * middle[:, 1] + middle[:, 2]).square().sum(-1).sqrt()
    return bend


def _most_needed(diagonal: float) -> int:
    """Return the segments that suffice for any curve within half a canvas around the canvas.

    Such a curve is twice the diagonal long at most, in pixels, and its |B''| eight times.
    """
    chords, shades = math.sqrt(diagonal / LEAVES), math.sqrt(2 * 2 * diagonal)
    return math.ceil(max(chords, shades, SHADES, FEWEST))


class Bezier(PenStroke):
    """Quadratic Bézier curve, the papers' stroke (ICCV 2019, Eq. 5 and 6; SARA, Algorithm 1).

    As in the authors' code the vector's control point is relative to the box of P0 and P2,
    P1 = P0 + (P2 - P0) * (x1, y1), so that a random stroke has no wild bends. With ``absolute`` it
    is a point of the canvas, as Eq. 5 has it. Records hold it absolute either way.

    Args:
        control: ``relative`` or ``absolute``.
        limits: As for any kind.

    Raises:
        UserError: Another `control`.
    """

    name = "bezier"
    parameters = (
        "x0",
        "y0",
        "x1",
        "y1",
        "x2",
        "y2",
        "radius0",
        "opacity0",
        "radius1",
        "opacity1",
    )
    ends: tuple[str, ...] = ("x2", "y2")
    relative = MappingProxyType({"x1": ("x0", "x2"), "y1": ("y0", "y2")})

    def __init__(self, control: str = "relative", **limits: Any) -> None:
        if control not in ("relative", "absolute"):
            raise UserError(f"`control` is {control!r}", "give relative or absolute")
        super().__init__(**limits)
        self.control = control
        if control == "absolute":
            self.ends, self.relative = ("x1", "y1", "x2", "y2"), MappingProxyType({})

    def options(self) -> dict[str, Any]:
        """Return the constructor arguments that drawing depends on, where not the usual ones."""
        return {"control": self.control} if self.control == "absolute" else {}

    def curve(self, shape: Tensor, t: Tensor) -> Tensor:
        """Return points (N, M, 2) of the curve."""
        p0, p1, p2 = self._points(shape)[:, :, None].unbind(1)
        t = t.unsqueeze(-1)
        return (1 - t).square() * p0 + 2 * t * (1 - t) * p1 + t.square() * p2

    def trace(self, shape: Tensor) -> Trace:
        """See `AlongCurve.trace`."""
        return self._pen(shape, self._points(shape))

    def _points(self, shape: Tensor) -> Tensor:
        """Return P0, P1 and P2, (N, 3, 2), as fractions of width and height."""
        p0, inner, p2 = shape[:, 0:2], shape[:, 2:4], shape[:, 4:6]
        p1 = inner if self.control == "absolute" else p0 + (p2 - p0) * inner
        return torch.stack([p0, p1, p2], dim=1)


class Taper(Bezier):
    """Quadratic Bézier curve of a brush that is set down and lifted: thin at both ends.

    The radius is that of `Bezier` times 1 - (2 t - 1)^4, 0 at the ends.
    """

    name = "taper"
    taper = 1.0


class Line(PenStroke):
    """Straight line with a radius and an opacity at each end (ICCV 2019, section 5.4.4)."""

    name = "line"
    parameters = ("x0", "y0", "x1", "y1", "radius0", "opacity0", "radius1", "opacity1")
    ends = ("x1", "y1")

    def curve(self, shape: Tensor, t: Tensor) -> Tensor:
        """Return points (N, M, 2) of the line."""
        start, end = shape[:, None, 0:2], shape[:, None, 2:4]
        return start + (end - start) * t.unsqueeze(-1)

    def trace(self, shape: Tensor) -> Trace:
        """See `AlongCurve.trace`."""
        return self._pen(shape, straight(shape[:, 0:4].unflatten(1, (2, 2))))
