"""Outlines of shapes on a canvas, computed once to bound them and to draw them."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.runtime.constants import constant
from impasto.strokes.raster.frame import Frame, Windows


@dataclass(frozen=True)
class Outlines(ABC):
    """Shapes on a canvas, ready to be bounded and drawn.

    Who asks for a shape's box, for the windows that it touches and for its drawing gets all three
    of one of these, so that what they share is worked out once.

    Attributes:
        shape: (N, S) in [0, 1].
        height: Rows H of the canvas.
        width: Columns W of the canvas.
    """

    shape: Tensor
    height: int
    width: int

    @torch.no_grad()
    def bounds(self) -> Tensor:
        """Return boxes outside of which nothing is painted.

        Returns:
            (N, 4) int64: left, top, and one past right and bottom, in pixels, inside the canvas and
            at least one pixel wide and high.
        """
        low, high = self._extent()
        canvas = constant((self.width, self.height), low)
        start = torch.minimum((low - 0.5).floor().clamp_min(0), canvas - 1)
        end = torch.maximum(torch.minimum((high + 0.5).ceil(), canvas), start + 1)
        return torch.cat([start, end], dim=1).long()

    def touched(self, windows: Windows) -> Tensor:
        """Return a mask of the windows that have any paint: all, unless a kind knows better.

        Returns:
            (R,) bool; false only where alpha is 0 on the whole window.
        """
        owner = torch.arange(len(self.shape)) if windows.owner is None else windows.owner
        return torch.ones(len(owner), dtype=torch.bool, device=self.shape.device)

    @abstractmethod
    def draw(self, windows: Windows) -> Tensor:
        """Draw alpha (R, rows, columns) of windows in [0, 1], differentiable in the shapes."""

    @abstractmethod
    def _extent(self) -> tuple[Tensor, Tensor]:
        """Return the corners (N, 2) of the boxes that the shapes fill, not yet antialiased."""


@dataclass(frozen=True)
class PlainOutlines(Outlines):
    """Outlines of a kind whose box and drawing have little in common.

    Attributes:
        paint: Draws shapes (R, S) as alpha (R, rows, columns) of a frame.
        extent: Finds the corners of the boxes of shapes on a frame.
    """

    paint: Callable[[Tensor, Frame], Tensor]
    extent: Callable[[Tensor, Frame], tuple[Tensor, Tensor]]

    def draw(self, windows: Windows) -> Tensor:
        """See `Outlines.draw`."""
        owner = windows.owner
        shape = self.shape if owner is None else self.shape.index_select(0, owner)
        size = (self.height, self.width, windows.rows, windows.columns)
        return self.paint(shape, Frame(*size, windows.corner))

    def _extent(self) -> tuple[Tensor, Tensor]:
        return self.extent(self.shape, Frame(self.height, self.width, self.height, self.width))
