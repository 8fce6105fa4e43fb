"""Plain geometry of strokes, for those who draw them elsewhere: SVG, HTML, plotters.

Lengths are pixels of the picture it is for; x to the right, y down.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    """

    points: Points
    radii: Points
    opacity: Points


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
