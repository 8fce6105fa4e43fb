"""Strokes that fill an area: circle and triangle (ICCV 2019, section 5.4.4)."""

from torch import Tensor

from painting.strokes.base import Frame, Stroke
from painting.strokes.coverage import THINNEST, disc_coverage, in_chunks, triangle_coverage


class Circle(Stroke):
    """Filled circle of one opacity."""

    name = "circle"
    parameters = ("x", "y", "radius", "opacity")

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


class Triangle(Stroke):
    """Filled triangle of one opacity."""

    name = "triangle"
    parameters = ("x0", "y0", "x1", "y1", "x2", "y2", "opacity")

    def _draw(self, shape: Tensor, frame: Frame) -> Tensor:
        corners = frame.pixels(shape[:, :6].reshape(-1, 3, 2))
        return triangle_coverage(corners, frame.rows, frame.columns) * shape[:, 6, None, None]

    def _extent(self, shape: Tensor, frame: Frame) -> tuple[Tensor, Tensor]:
        corners = frame.pixels(shape[:, :6].reshape(-1, 3, 2))
        return corners.amin(1), corners.amax(1)
