"""Strokes of a round pen along a curve: quadratic Bézier and straight line."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from painting.strokes.base import Frame, Stroke
from painting.strokes.coverage import THINNEST
from painting.strokes.marks import Path
from painting.strokes.pen import pen_alpha


class PenStroke(Stroke):
    """A pen whose radius and opacity change linearly in t along a curve (SARA, Algorithm 1).

    Its vector begins with the curve's first point; every other point moves towards that one if the
    coordinates named by `end` do.
    """

    end: ClassVar[tuple[str, str]]

    def _draw(self, shape: Tensor, frame: Frame) -> Tensor:
        points, radii = self._polyline(shape, frame)
        opacity = shape[:, self.columns(["opacity0", "opacity1"])]
        return pen_alpha(points, radii, opacity, frame.rows, frame.columns)

    def _extent(self, shape: Tensor, frame: Frame) -> tuple[Tensor, Tensor]:
        points, radii = self._polyline(shape, frame)
        radii = radii.clamp_min(THINNEST)[..., None]
        return (points - radii).amin(1), (points + radii).amax(1)

    def _polyline(
        self, shape: Tensor, frame: Frame, segments: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Points (N, M + 1, 2) and radii (N, M + 1) in pixels of the frame."""
        segments = segments or _segments(frame.height, frame.width)
        radius0, radius1 = shape[:, self.columns(["radius0", "radius1"]), None].unbind(1)
        t = torch.linspace(0, 1, segments + 1).to(shape)  # (M + 1,)
        radii = frame.radius(radius0 + (radius1 - radius0) * t)
        return frame.pixels(self.curve(shape, t)), radii

    def mark(self, shape: Tensor, height: int, width: int) -> Path:
        """See `Stroke.mark`; in no more segments than its bend and its opacity need to be seen."""
        row, frame = shape.double()[None], Frame(height, width, height, width)
        start, end = shape[self.columns(["opacity0", "opacity1"])].tolist()
        middle = self.curve(row, row.new_tensor([0.0, 0.5, 1.0]))
        p0, p1, p2 = frame.pixels(middle)[0].numpy()
        bend = 4 * np.linalg.norm(p0 - 2 * p1 + p2)  # |B''|, of a quadratic curve, in pixels
        chords = math.ceil(math.sqrt(bend / (8 * _LEAVES)))
        needed = max(2, chords, math.ceil(abs(end - start) * _SHADES))
        segments = min(needed, _segments(height, width))
        points, radii = self._polyline(row, frame, segments)
        return Path(points[0].numpy(), radii[0].numpy(), np.linspace(start, end, segments))

    def shorten(self, shape: Tensor, longest: float) -> Tensor:
        """Shrink curves (N, S) longer than so many canvas sides towards their first point."""
        t = torch.linspace(0, 1, _MEASURED + 1).to(shape)
        points = self.curve(shape, t)  # (N, M + 1, 2)
        step = points[:, 1:] - points[:, :-1]
        length = (step.square().sum(-1) + 1e-12).sqrt().sum(1, keepdim=True)  # (N, 1)
        share = (longest / length).clamp_max(1)
        columns = self.columns(self.end)
        start = shape[:, 0:2]
        end = start + (shape[:, columns] - start) * share
        return torch.cat([shape[:, : columns[0]], end, shape[:, columns[1] + 1 :]], dim=1)

    @abstractmethod
    def curve(self, shape: Tensor, t: Tensor) -> Tensor:
        """Points (N, M, 2), as fractions of width and height, at parameters t (M,) in [0, 1]."""


_LEAVES = 0.1  # pixels by which a chord of a mark may leave its curve
_SHADES = 32  # steps in which opacity goes from 0 to 1 in a mark
_MEASURED = 32  # pieces of a curve whose chords are its length, to a thousandth


def _segments(height: int, width: int) -> int:
    """Segments of the polyline: 16 at 128 px, so that a chord never leaves the curve by 0.2 px.

    A quadratic curve leaves a chord by at most |B''| / (8 M^2), and |B''| is at most 2.8 sides.
    """
    return max(8, math.ceil(math.sqrt(2 * max(height, width))))


class Bezier(PenStroke):
    """Quadratic Bézier curve, the papers' stroke (ICCV 2019, Eq. 6; SARA, Algorithm 1).

    The vector's control point is relative to the box of P0 and P2, as in the authors' code:
    P1 = P0 + (P2 - P0) * (x1, y1), so that a random stroke has no wild bends. Records hold it
    absolute.
    """

    name = "bezier"
    parameters = (
        "x0", "y0", "x1", "y1", "x2", "y2", "radius0", "opacity0", "radius1", "opacity1",
    )  # fmt: skip
    end = ("x2", "y2")
    relative = ("x1", "y1")

    def curve(self, shape: Tensor, t: Tensor) -> Tensor:
        """Points (N, M, 2) of the curve."""
        p0, inner, p2 = shape[:, None, 0:2], shape[:, None, 2:4], shape[:, None, 4:6]
        p1 = p0 + (p2 - p0) * inner
        t = t[:, None]
        return (1 - t).square() * p0 + 2 * t * (1 - t) * p1 + t.square() * p2

    def place(
        self, center: Tensor, scale: float, generator: torch.Generator | None = None,
        sides: tuple[float, float] = (1.0, 1.0),
    ) -> Tensor:  # fmt: skip
        """Random shapes around given places; the control point, being relative, is anywhere."""
        shape = super().place(center, scale, generator, sides)
        shape[:, 2:4] = torch.rand(len(center), 2, generator=generator, device=center.device)
        return shape

    def to_record(self, shape: Tensor) -> dict[str, float]:
        """One shape (S,) with an absolute control point."""
        record = super().to_record(shape)
        for axis in "xy":
            start, end = record[f"{axis}0"], record[f"{axis}2"]
            record[f"{axis}1"] = start + (end - start) * record[f"{axis}1"]
        return record

    def from_record(self, record: Mapping[str, float]) -> Tensor:
        """The vector (S,) of a record; a control point outside the box of P0 and P2 is kept."""
        shape = super().from_record(record)
        for axis in "xy":
            start, end = float(record[f"{axis}0"]), float(record[f"{axis}2"])
            inner = (float(record[f"{axis}1"]) - start) / (end - start) if end != start else 0.5
            shape[self.parameters.index(f"{axis}1")] = inner
        return shape


class Line(PenStroke):
    """Straight line with a radius and an opacity at each end (ICCV 2019, section 5.4.4)."""

    name = "line"
    parameters = ("x0", "y0", "x1", "y1", "radius0", "opacity0", "radius1", "opacity1")
    end = ("x1", "y1")

    def curve(self, shape: Tensor, t: Tensor) -> Tensor:
        """Points (N, M, 2) of the line."""
        start, end = shape[:, None, 0:2], shape[:, None, 2:4]
        return start + (end - start) * t[:, None]
