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
        background: RGB in [0, 1] of the blank canvas.
        steps: What `paint` counts up to in its reports of progress.
    """

    stroke: Stroke
    strokes: int
    background: Sequence[float]
    steps: int

    @abstractmethod
    def canvas(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the canvas on which the strokes of a picture of this size are found.

        Nearly of its aspect ratio: strokes are in fractions of both sides.
        """

    @abstractmethod
    def paint(self, target: Tensor, progress: Progress | None = None) -> Tensor:
        """Find the strokes of one picture.

        Args:
            target: (3, H, W) in [0, 1] of a size that `canvas` gave; its device is used.
            progress: Called after each of the `steps`.

        Returns:
            (N, D) in [0, 1] with N = `strokes`, in painting order, on the target's device.
        """
