"""The exact rasterizer behind the interface of a renderer."""

from torch import Tensor

from painting.renderers.base import Renderer


class AnalyticRenderer(Renderer):
    """Draws every stroke exactly. It has no parameters and needs no training."""

    def forward(self, shape: Tensor) -> Tensor:
        """Draw shapes (N, S) in [0, 1] as alpha (N, 1, n, n) in [0, 1]."""
        return self.stroke.rasterize(shape, self.canvas_size, self.canvas_size)
