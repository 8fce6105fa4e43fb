"""Interface of a painter."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.runtime.memory import MOVING, check_count, check_finding
from impasto.strokes import Stroke

if TYPE_CHECKING:
    from impasto.painters.budget import Cost


@dataclass(frozen=True)
class Sketch:
    """A painting on its way.

    Attributes:
        step: How many of the painter's steps are done.
        psnr: Peak signal to noise ratio so far on the painter's canvas, dB.
        stroke: The stroke kind.
        strokes: Those so far in painting order, (n, D), within their limits; n is at most the
            painter's `strokes`.
    """

    step: int
    psnr: float
    stroke: Stroke
    strokes: Tensor


Progress = Callable[[Sketch], None]
"""Told of the painting after every step."""


class Painter(ABC):
    """Turns a picture into strokes.

    Attributes:
        stroke: The stroke kind.
        strokes: How many strokes a painting has.
        background: RGB in [0, 1] of the blank canvas.
        steps: What `paint` counts up to in its reports of progress.
        refines: Whether `paint` can go on from given strokes.
    """

    stroke: Stroke
    strokes: int
    background: Sequence[float]
    steps: int
    refines: bool = False

    @property
    def gradient_steps(self) -> int | None:
        """Number of gradient steps that `paint` takes; None of a painter that takes none."""
        return None

    @abstractmethod
    def canvas(self, height: int, width: int) -> tuple[int, int]:
        """Return rows and columns of the canvas on which a picture of this size is painted.

        Nearly of its aspect ratio: strokes are in fractions of both sides.
        """

    def with_strokes(self, strokes: int) -> "Painter":
        """Return the same painter for paintings of so many strokes.

        Raises:
            UserError: It paints with no other number than its own, or this one makes no sense.
        """
        if strokes == self.strokes:
            return self
        todo = f"give `strokes={self.strokes}`, or another painter"
        raise UserError(f"{type(self).__name__} can't paint with {strokes} strokes", todo)

    def with_steps(self, steps: int) -> "Painter":
        """Return the same painter with so many gradient steps.

        Raises:
            UserError: It takes none, or this number makes no sense.
        """
        todo = "take `OptimizePainter`, or an agent with `refine=120`"
        raise UserError(f"{type(self).__name__} takes no gradient steps", todo)

    def cost(self, height: int, width: int, device: torch.device | str) -> "Cost | None":
        """Measure what painting a picture of this size costs here, by its gradient steps.

        None of a painter that takes none.
        """
        return None

    def on(self, background: Sequence[float]) -> "Painter":
        """Return the same painter on another background; itself, if it must have its own."""
        return self

    def following(self, steps: int) -> "Painter":
        """Return the painter of a film's next frames, which start from the last frame's strokes.

        Args:
            steps: Its gradient steps.

        Raises:
            UserError: It cannot go on from strokes (`refines`).
        """
        raise UserError(
            "this painter paints every frame of a video anew, which would flicker",
            "take `OptimizePainter`, or an agent with `refine=120`",
        )

    @abstractmethod
    def paint(
        self,
        target: Tensor,
        progress: Progress | None = None,
        start: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Find the strokes of one picture.

        Args:
            target: (3, H, W) in [0, 1] of a size that `canvas` gave; its device is used.
            progress: Called after each of the `steps`.
            start: Strokes (n, D) within limits to go on from, n at most `strokes`: those of a
                similar picture, or another painter's. Only a painter that `refines` takes some.
            weight: (H, W), how much the error of each pixel counts, 1 on the mean: strokes go where
                it is large. All alike by default.

        Returns:
            (N, D) in [0, 1] with N = `strokes`, in painting order, on the target's device.
        """


def canvas_in_memory(painter: Painter, height: int, width: int) -> tuple[int, int]:
    """Return rows and columns of a painter's canvas for a picture of this size.

    Raises:
        UserError: There is not the memory for it, or for so many strokes.
    """
    check_count("strokes", painter.strokes, MOVING * painter.stroke.dim)
    rows, columns = painter.canvas(height, width)
    check_finding(rows, columns, painter.stroke.has_form)
    return rows, columns
