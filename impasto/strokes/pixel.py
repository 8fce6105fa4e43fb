"""Squares on a grid: pixel art as strokes."""

from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Ge, Le
from torch import Tensor

from impasto.bounds import validated
from impasto.runtime.constants import constant
from impasto.strokes.base import Frame, Stroke
from impasto.strokes.geometry import Area, turned_corners
from impasto.strokes.raster.coverage import in_chunks


@validated
class Pixel(Stroke):
    """One cell of a grid over the canvas: that in which the point (x, y) lies.

    What is drawn jumps from cell to cell, and has no gradient in x and y. They get that of a square
    of a cell's size that lies around the point and paints every cell by the share that it covers:
    "straight-through", but it says what the next cell would gain and what this one would lose.

    Args:
        grid: Cells on a side. On a canvas of a multiple of it a cell is whole pixels.
        limits: As for any kind.

    Raises:
        UserError: The grid is out of its bounds.
    """

    name = "pixel"
    parameters = ("x", "y", "opacity")
    pace = 0.1  # they start where they belong; moved like others they leave holes behind

    def __init__(self, grid: Annotated[int, Ge(1), Le(1024)] = 16, **limits: Any) -> None:
        super().__init__(**limits)
        self.grid = grid

    def options(self) -> dict[str, Any]:
        """Constructor arguments that drawing depends on."""
        return {"grid": self.grid}

    def _draw(self, shape: Tensor, frame: Frame) -> Tensor:
        axes = [(frame.columns, frame.width), (frame.rows, frame.height)]
        corner = shape.new_zeros(1, 2) if frame.corner is None else frame.corner.to(shape)
        start = [_starts(count, corner[:, axis]) for axis, (count, _) in enumerate(axes)]
        sides = [side / self.grid for _, side in axes]  # pixels
        cell = (shape[:, 0:2].detach() * self.grid).floor().clamp(0, self.grid - 1)
        factors = [_inside(start[i], cell[:, i], sides[i]) for i in range(2)]
        if torch.is_grad_enabled() and shape.requires_grad:
            factors += [self._shared(start[i], shape[:, i], sides[i]) for i in range(2)]
        return in_chunks(_paint, frame.rows * frame.columns, 4, shape[:, 2], *factors)

    def mark(self, shape: Tensor, height: int, width: int) -> Area:
        """See `Stroke.mark`."""
        side = np.array([width, height]) / self.grid
        cell = (shape[:2].double() * self.grid).floor().clamp(0, self.grid - 1).numpy()
        return Area(turned_corners((cell + 0.5) * side, side, 0.0), float(shape[2]))

    def _shared(self, start: Tensor, point: Tensor, side: float) -> Tensor:
        """Return what an interval of a cell's length around points (N,) paints, along one axis."""
        begin = point * self.grid - 0.5  # where it starts, in cells
        # At the border it lies inside of the grid, and its gradient is that of its place there.
        place = begin + (begin.detach().clamp(0, self.grid - 1) - begin.detach())
        first = self._first(place.detach())
        share = (place - first)[:, None]
        near, far = _inside(start, first, side), _inside(start, first + 1, side)
        return near * (1 - share) + far * share

    def _first(self, place: Tensor) -> Tensor:
        """Return the first of the two cells over which an interval lies that starts at `place`."""
        return place.floor().clamp(0, max(self.grid - 2, 0))

    def _extent(self, shape: Tensor, frame: Frame) -> tuple[Tensor, Tensor]:
        # The two by two cells that the gradient looks at; the one that is painted is among them.
        first = self._first(shape[:, 0:2] * self.grid - 0.5)
        side = constant((frame.width, frame.height), shape) / self.grid
        return first * side, (first + 2) * side


def _starts(count: int, corner: Tensor) -> Tensor:
    """Return the coordinates at which pixels start, (N or 1, count)."""
    return torch.arange(count, dtype=corner.dtype, device=corner.device) + corner[:, None]


def _inside(start: Tensor, cell: Tensor, side: float) -> Tensor:
    """Return the share of each pixel that lies in cells (N,) of `side` pixels: (N, count)."""
    low, high = (cell * side)[:, None], ((cell + 1) * side)[:, None]
    return (torch.minimum(start + 1, high) - torch.maximum(start, low)).clamp_min(0)


def _paint(opacity: Tensor, x: Tensor, y: Tensor, *soft: Tensor) -> Tensor:
    """Return alpha (n, H, W), drawn along x (n, W) and y (n, H), with the gradient of `soft`."""
    drawn = _product(x, y)
    if soft:
        shared = _product(*soft)
        drawn = drawn + (shared - shared.detach())
    return drawn * opacity[:, None, None]


def _product(x: Tensor, y: Tensor) -> Tensor:
    """Multiply along x (n, W) by along y (n, H): (n, H, W)."""
    return y[:, :, None] * x[:, None, :]
