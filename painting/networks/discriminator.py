"""The discriminator of the WGAN reward (ICCV 2019, Figure 11)."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from painting.networks.layers import TReLU, weight_normed_conv


class Discriminator(nn.Module):
    """Five weight-normalized 5 x 5 convolutions of stride 2 with TReLU, averaged (PatchGAN-like).

    Args:
        channels: Maps after each convolution but the last, which has one.
    """

    def __init__(self, channels: Sequence[int] = (16, 32, 64, 128)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for fan_in, fan_out in itertools.pairwise([6, *channels]):
            layers += [weight_normed_conv(fan_in, fan_out, 5, 2), TReLU()]
        layers.append(weight_normed_conv(channels[-1], 1, 5, 2))
        self.layers = nn.Sequential(*layers)

    def forward(self, target: Tensor, canvas: Tensor) -> Tensor:
        """How real the pair looks: target and canvas (B, 3, H, W) each to a score (B,)."""
        scores = self.layers(torch.cat([target, canvas], dim=1))  # (B, 1, H / 32, W / 32)
        score: Tensor = scores.mean((1, 2, 3))
        return score
