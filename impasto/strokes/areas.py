"""Strokes that fill an area: circle and triangle (ICCV 2019, section 5.4.4), and rectangle."""

import math

import torch
from torch import Tensor

from impasto.strokes.base import Frame, Stroke
from impasto.strokes.geometry import Area, Disc, turned_corners
from impasto.strokes.raster.coverage import (
    THINNEST,
    disc_coverage,
    in_chunks,
    inward_normals,
    rectangle_coverage,
    triangle_coverage,
)


class Circle(Stroke):
    """Filled circle of one opacity."""

    name = "circle"
    parameters = ("x", "y", "radius", "opacity")
    along = ("radius",)

    def form(self, shape: Tensor, height: int, width: int) -> tuple[str, Tensor]:
        """See `Stroke.form`."""
        frame = Frame(height, width, height, width)
        numbers = frame.pixels(shape[:, 0:2]), frame.radius(shape[:, 2:3]), shape[:, 3:4]
        return "disc", torch.cat(numbers, dim=1).float()

    def _draw(self, shape: Tensor, frame: Frame) -> Tensor:
        def draw(center: Tensor, radius: Tensor, opacity: Tensor) -> Tensor:
            coverage = disc_coverage(center, radius, frame.rows, frame.columns)
            return coverage * opacity[:, None, None]

        center, radius = frame.pixels(shape[:, 0:2]), frame.radius(shape[:, 2])
        return in_chunks(draw, frame.rows * frame.columns, 6, center, radius, shape[:, 3])

    def _extent(self, shape: Tensor, frame: Frame) -> tuple[Tensor, Tensor]:
        center = frame.pixels(shape[:, 0:2])
        radius = frame.radius(shape[:, 2, None]).clamp_min(THINNEST)
        return center - radius, center + radius

    def mark(self, shape: Tensor, height: int, width: int) -> Disc:
        """See `Stroke.mark`."""
        frame = Frame(height, width, height, width)
        center, radius = frame.pixels(shape[None, 0:2].double()), frame.radius(shape[2].double())
        return Disc(center[0].numpy(), float(radius), float(shape[3]))


class Triangle(Stroke):
    """Filled triangle of one opacity."""

    name = "triangle"
    parameters = ("x0", "y0", "x1", "y1", "x2", "y2", "opacity")

    def form(self, shape: Tensor, height: int, width: int) -> tuple[str, Tensor]:
        """See `Stroke.form`."""
        corners = Frame(height, width, height, width).pixels(shape[:, :6].reshape(-1, 3, 2))
        inward = inward_normals(corners)
        sides = torch.cat([inward, -(inward * corners).sum(2, keepdim=True)], dim=2)
        return "triangle", torch.cat([sides.flatten(1), shape[:, 6:7]], dim=1).float()

    def _draw(self, shape: Tensor, frame: Frame) -> Tensor:
        corners = frame.pixels(shape[:, :6].reshape(-1, 3, 2))
        return triangle_coverage(corners, frame.rows, frame.columns) * shape[:, 6, None, None]

    def _extent(self, shape: Tensor, frame: Frame) -> tuple[Tensor, Tensor]:
        corners = frame.pixels(shape[:, :6].reshape(-1, 3, 2))
        return corners.amin(1), corners.amax(1)

    def mark(self, shape: Tensor, height: int, width: int) -> Area:
        """See `Stroke.mark`."""
        corners = shape[:6].double().view(3, 2) * shape.new_tensor([width, height]).double()
        return Area(corners.numpy(), float(shape[6]))

    def shorten(self, shape: Tensor, longest: float) -> Tensor:
        """Shrink triangles (N, S) whose longest side is longer than so many canvas sides."""
        corners = shape[:, :6].unflatten(1, (3, 2))
        side = corners.roll(-1, dims=1) - corners
        length = (side.square().sum(-1) + 1e-12).sqrt().amax(1)  # (N,)
        middle = corners.mean(1, keepdim=True)
        share = (longest / length).clamp_max(1)[:, None, None]
        shrunk = middle + (corners - middle) * share
        return torch.cat([shrunk.flatten(1), shape[:, 6:]], dim=1)


class Rectangle(Stroke):
    """Filled rectangle of one opacity, at any angle.

    `width` is the side that runs along the angle, `height` the one across: limits take
    `height` for its width. An angle of 1 in the vector is half a turn, after which a rectangle
    looks the same.
    """

    name = "rectangle"
    parameters = ("x", "y", "width", "height", "angle", "opacity")
    across = ("height",)
    along = ("width", "height")
    turn = math.pi

    def form(self, shape: Tensor, height: int, width: int) -> tuple[str, Tensor]:
        """See `Stroke.form`."""
        center, size, angle = self._placed(shape, Frame(height, width, height, width))
        direction = torch.stack([angle.cos(), angle.sin()], dim=1)
        return "rectangle", torch.cat([center, direction, size / 2, shape[:, 5:6]], dim=1).float()

    def _draw(self, shape: Tensor, frame: Frame) -> Tensor:
        center, size, angle = self._placed(shape, frame)
        coverage = rectangle_coverage(center, size, angle, frame.rows, frame.columns)
        return coverage * shape[:, 5, None, None]

    def _extent(self, shape: Tensor, frame: Frame) -> tuple[Tensor, Tensor]:
        center, size, angle = self._placed(shape, frame)
        shadow = angle.cos().abs() + angle.sin().abs()  # of a pixel, see `rectangle_coverage`
        reach = torch.stack(turned_extent((size + shadow[:, None]) / 2, angle), dim=1) - 0.5
        return center - reach, center + reach

    def mark(self, shape: Tensor, height: int, width: int) -> Area:
        """See `Stroke.mark`."""
        frame = Frame(height, width, height, width)
        center, size, angle = self._placed(shape[None].double(), frame)
        corners = turned_corners(center[0].numpy(), size[0].numpy(), float(angle))
        return Area(corners, float(shape[5]))

    def _placed(self, shape: Tensor, frame: Frame) -> tuple[Tensor, Tensor, Tensor]:
        """Return centres (N, 2) and sides (N, 2) in pixels, angles (N,) in radians."""
        return frame.pixels(shape[:, 0:2]), frame.length(shape[:, 2:4]), self.turn * shape[:, 4]


def turned_extent(half: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Return half the width and height of the boxes around turned rectangles.

    Args:
        half: (N, 2), half the side along the angle and half the one across.
        angle: (N,), radians.
    """
    cosine, sine = angle.cos().abs(), angle.sin().abs()
    along, across = half.unbind(1)
    return cosine * along + sine * across, sine * along + cosine * across
