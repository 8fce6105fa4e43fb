"""GAN renderer: the GAN painter of Neural Painters (Nakano, 2019, section 2.3)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from impasto.bounds import CanvasSize, Width, validated
from impasto.renderers.base import dense_layers
from impasto.renderers.exported import LearnedRenderer
from impasto.renderers.upsampling import Upsampling
from impasto.strokes import Stroke


@validated
class GanRenderer(LearnedRenderer):
    """Layers for the shape, then three doublings with a grain, trained against a critic.

    No noise goes in, as in the paper: one shape, one picture. What is random in a program's strokes
    becomes a texture that follows from the shape and from the place.

    Args:
        stroke: The stroke kind.
        canvas_size: Pixels on a side, n, a multiple of 16.
        hidden: Widths of the fully connected layers.
        channels: Maps after two of the three doublings.

    Raises:
        UserError: A size is out of its bounds.
    """

    def __init__(
        self,
        stroke: Stroke,
        canvas_size: CanvasSize,
        hidden: Sequence[Width] = (256, 512),
        channels: Width = 32,
    ) -> None:
        super().__init__(stroke, canvas_size, hidden=list(hidden), channels=channels)
        widths = [stroke.shape_dim, *hidden]
        self.dense = nn.Sequential(*dense_layers(widths))
        self.draw = Upsampling(widths[-1], canvas_size, channels, grain=True)

    def forward(self, shape: Tensor) -> Tensor:
        """Draw shapes (N, S) in [0, 1] as alpha (N, 1, n, n) in [0, 1]."""
        return torch.sigmoid(self.draw(self.dense(2 * shape - 1)))
