"""VAE renderer: the VAE painter of Neural Painters (Nakano, 2019, section 2.2)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from impasto.bounds import CanvasSize, Count, Width, validated
from impasto.renderers.base import dense_layers
from impasto.renderers.exported import LearnedRenderer
from impasto.renderers.upsampling import Upsampling
from impasto.strokes import Stroke


@validated
class VaeRenderer(LearnedRenderer):
    """Network from the shape to a point in the latent space of strokes, and its decoder.

    Both are trained apart, in two stages, as the world model that the paper follows (Ha and
    Schmidhuber, 2018): `decode` beside an encoder, as a variational autoencoder of strokes, then
    `to_latent` to find the latent mean of a shape's stroke.

    Args:
        stroke: The stroke kind.
        canvas_size: Pixels on a side, n, a multiple of 16.
        latent: Numbers of a point in the latent space, Z.
        hidden: Widths of the layers from the shape to it.
        channels: Maps after two of the decoder's three doublings.

    Raises:
        UserError: A size is out of its bounds.
    """

    def __init__(
        self,
        stroke: Stroke,
        canvas_size: CanvasSize,
        latent: Count = 64,
        hidden: Sequence[Width] = (512, 512),
        channels: Width = 32,
    ) -> None:
        super().__init__(stroke, canvas_size, latent=latent, hidden=list(hidden), channels=channels)
        self.latent = latent
        widths = [stroke.shape_dim, *hidden]
        self.to_latent = nn.Sequential(*dense_layers(widths), nn.Linear(widths[-1], latent))
        self.draw = Upsampling(latent, canvas_size, channels, grain=False)

    def locate(self, shape: Tensor) -> Tensor:
        """Return the latent points (N, Z) at which strokes of shapes (N, S) are expected."""
        point: Tensor = self.to_latent(2 * shape - 1)
        return point

    def decode(self, point: Tensor) -> Tensor:
        """Decode latent points (N, Z) to logits of alpha (N, 1, n, n)."""
        logits: Tensor = self.draw(point)
        return logits

    def forward(self, shape: Tensor) -> Tensor:
        """Draw shapes (N, S) in [0, 1] as alpha (N, 1, n, n) in [0, 1]."""
        return torch.sigmoid(self.decode(self.locate(shape)))
