"""Encoder and discriminator of single strokes, for learning renderers (Nakano, 2019)."""

import torch
from torch import Tensor, nn

from impasto.bounds import Width, validated

_FOLD = 4  # what two convolutions of stride 2 make of a side
_SLOPE = 0.2
_HIDDEN = 256  # width of the layer that looks at a shape


@validated
class StrokeEncoder(nn.Module):
    """Encoder of the VAE: alpha to a normal distribution in the latent space of strokes.

    Four convolutions of stride 2, each with twice the maps, and a dense layer.

    Args:
        canvas_size: Pixels on a side, n, a multiple of 16.
        latent: Numbers of a point in the latent space, Z.
        channels: Maps of the first convolution.
    """

    def __init__(self, canvas_size: int, latent: int, channels: Width = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        fan_in = 1
        for fan_out in (channels, 2 * channels, 4 * channels, 8 * channels):
            layers += [nn.Conv2d(fan_in, fan_out, 4, 2, 1), nn.ReLU()]
            fan_in = fan_out
        numbers = fan_in * (canvas_size // 16) ** 2
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(numbers, 2 * latent))

    def forward(self, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """Map alpha (N, 1, n, n) to means and log-variances, (N, Z) each."""
        mean, log_variance = self.layers(alpha).chunk(2, dim=1)
        return mean, log_variance


@validated
class StrokeCritic(nn.Module):
    """Discriminator of pairs of a shape and its alpha (Neural Painters, Figure 4).

    Alpha goes through two convolutions of stride 2; there it meets the shape, which a small network
    has spread over a map of the same size, so that pixels can be compared with what the shape asks
    for where they are. Two more convolutions and a dense layer make a score of both. Nothing
    normalizes over the batch, which a gradient penalty would not allow.

    Args:
        shape_dim: Numbers in a shape, S.
        canvas_size: Pixels on a side, n, a multiple of 16.
        channels: Maps of the first convolution.
    """

    def __init__(self, shape_dim: int, canvas_size: int, channels: Width = 32) -> None:
        super().__init__()
        side = canvas_size // _FOLD
        self.look = nn.Sequential(
            nn.Conv2d(1, channels, 4, 2, 1),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(channels, 2 * channels, 4, 2, 1),
            nn.LeakyReLU(_SLOPE),
        )
        self.spread = nn.Sequential(
            nn.Linear(shape_dim, _HIDDEN),
            nn.LeakyReLU(_SLOPE),
            nn.Linear(_HIDDEN, channels * side * side),
            nn.Unflatten(1, (channels, side, side)),
        )
        numbers = 8 * channels * (side // _FOLD) ** 2
        self.judge = nn.Sequential(
            nn.Conv2d(3 * channels, 4 * channels, 4, 2, 1),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(4 * channels, 8 * channels, 4, 2, 1),
            nn.LeakyReLU(_SLOPE),
            nn.Flatten(),
            nn.Linear(numbers, 1),
        )

    def forward(self, shape: Tensor, alpha: Tensor) -> Tensor:
        """Map shapes (N, S) and alpha (N, 1, n, n) to scores (N,)."""
        maps = torch.cat([self.look(alpha), self.spread(2 * shape - 1)], dim=1)
        score: Tensor = self.judge(maps)
        return score[:, 0]
