"""Plain geometry of strokes, for those who draw them elsewhere: SVG, HTML, plotters, a hand.

Lengths are pixels of the picture it is for; x to the right, y down.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Disc:
    """A filled circle.

    Attributes:
        center: (2,).
        radius: Its radius.
        opacity: In [0, 1].
    """

    center: Points
    radius: float
    opacity: float


@dataclass(frozen=True)
class Area:
    """A filled convex polygon.

    Attributes:
        corners: (V, 2), V at least 3.
        opacity: In [0, 1].
    """

    corners: Points
    opacity: float


@dataclass(frozen=True)
class Path:
    """A round pen moved along a polyline, whose later paint replaces its earlier paint.

    Attributes:
        points: (M + 1, 2), M at least 2.
        radii: (M + 1,), the pen's.
        opacity: (M,), of each segment: the hull of the discs at its two ends.
        nodes: (3, 2), start, control point and end of the quadratic Bézier curve that the points
            lie on.
    """

    points: Points
    radii: Points
    opacity: Points
    nodes: Points


@dataclass(frozen=True)
class Stamp:
    """A picture of paint, stamped at an angle.

    Attributes:
        paint: (h, w) uint8, 255 is full paint.
        center: (2,).
        size: Width and height, (2,).
        angle: Radians clockwise from +x.
        opacity: In [0, 1].
    """

    paint: NDArray[np.uint8]
    center: Points
    size: Points
    angle: float
    opacity: float


Mark = Disc | Area | Path | Stamp


def turned_corners(center: Points, size: Points, angle: float) -> Points:
    """Return corners (4, 2) of a rectangle of `size` (2,), turned around its `center` (2,)."""
    along = np.array([math.cos(angle), math.sin(angle)]) * size[0] / 2
    across = np.array([-math.sin(angle), math.cos(angle)]) * size[1] / 2
    turned = [-along - across, along - across, along + across, across - along]
    corners: Points = center + np.stack(turned)
    return corners


def hull_angles(step: Points, radius0: float, radius1: float) -> tuple[float, float] | None:
    """Return the directions in which the straight sides of the hull of two discs touch them.

    Args:
        step: (2,) from the first disc's centre to the second's.
        radius0: Radius of the first.
        radius1: Radius of the second.

    Returns:
        The direction of the step and the half angle, in radians: the straight sides touch both
        discs at direction ± half angle. None if one disc lies inside of the other.
    """
    distance = math.hypot(*step)
    if distance <= abs(radius0 - radius1) or distance < 1e-9:
        return None
    return math.atan2(step[1], step[0]), math.acos((radius0 - radius1) / distance)


@dataclass(frozen=True)
class Trace:
    """N strokes along quadratic Bézier curves, whatever it is that paints along them.

    Attributes:
        points: (N, 3, 2), start, control point and end, absolute, as fractions of width and height.
        radius: (N, 2), at start and end, half of how wide the brush is, as radii of a shape vector.
        pressure: (N, 2), at start and end in [0, 1]; of a pen without pressure, its opacity.
    """

    points: Tensor
    radius: Tensor
    pressure: Tensor

    def at(self, t: Tensor) -> Tensor:
        """Return points (N, M, 2) of the curves at parameters t (M,) in [0, 1]."""
        start, control, end = (self.points[:, None, row] for row in range(3))  # (N, 1, 2)
        t = t[:, None]
        line: Tensor = (1 - t).square() * start + 2 * t * (1 - t) * control + t.square() * end
        return line


def straight(ends: Tensor) -> Tensor:
    """Return points (N, 3, 2) of the curves that are straight lines between ends (N, 2, 2)."""
    return torch.stack([ends[:, 0], ends.mean(1), ends[:, 1]], dim=1)
