"""Exact rasterizer behind the interface of a renderer."""

from torch import Tensor

from impasto.renderers.base import Renderer
from impasto.strokes import Stroke


class AnalyticRenderer(Renderer):
    """Draws every stroke exactly. It has no parameters and needs no training."""

    def __init__(self, stroke: Stroke, canvas_size: int) -> None:
        super().__init__(stroke, canvas_size)
        self.differentiable = type(self).differentiable and stroke.differentiable

    def forward(self, shape: Tensor) -> Tensor:
        """Draw shapes (N, S) in [0, 1] as alpha (N, 1, n, n) in [0, 1]."""
        return self.stroke.rasterize(shape, self.canvas_size, self.canvas_size)
