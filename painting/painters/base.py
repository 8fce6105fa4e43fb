"""The interface of a painter."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from torch import Tensor

from painting.strokes import Stroke

Progress = Callable[[int, float], None]
"""Told after every step: how many steps are done, and the PSNR so far in dB."""


class Painter(ABC):
    """Turns a picture into strokes.

    Attributes:
        stroke: The stroke kind.
        strokes: How many strokes a painting has.
        canvas_size: Pixels on a side of the square canvas on which the strokes are found.
        background: RGB in [0, 1] of the blank canvas.
        steps: How often `paint` reports its progress.
    """

    stroke: Stroke
    strokes: int
    canvas_size: int
    background: Sequence[float]
    steps: int

    @abstractmethod
    def paint(self, target: Tensor, progress: Progress | None = None) -> Tensor:
        """Find the strokes of one picture.

        Args:
            target: (3, n, n) in [0, 1] with n = `canvas_size`; its device is used.
            progress: Called after each of the `steps`.

        Returns:
            (N, D) in [0, 1] with N = `strokes`, in painting order, on the target's device.
        """
