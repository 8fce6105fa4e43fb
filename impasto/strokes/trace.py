"""Strokes as movements of the hand, for all kinds that go along a curve."""

from dataclasses import dataclass

import torch
from torch import Tensor


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
