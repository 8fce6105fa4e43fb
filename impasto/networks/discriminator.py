"""Discriminators of pairs of pictures (ICCV 2019, Figure 11)."""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from impasto.bounds import Count, validated
from impasto.errors import UserError
from impasto.networks.layers import (
    SelfAttention,
    TReLU,
    spectral_normed_conv,
    weight_normed_conv,
)

_CONVS = {"weight": weight_normed_conv, "spectral": spectral_normed_conv}


@validated
class PairEmbedding(nn.Module):
    """Embedding of a pair: 5 x 5 convolutions of stride 2 with TReLU, averaged (PatchGAN-like).

    Args:
        channels: Maps after each convolution but the last.
        outputs: Maps after the last, and so the vector's length.
        norm: ``weight`` or ``spectral`` normalization, in all layers.
        attention: Behind which convolutions, counted from 1, the map attends to itself.
    """

    def __init__(
        self,
        channels: Sequence[Count] = (16, 32, 64, 128),
        outputs: Count = 256,
        norm: str = "weight",
        attention: Collection[int] = (),
    ) -> None:
        super().__init__()
        if norm not in _CONVS:
            todo = f"give {' or '.join(_CONVS)}"
            raise UserError(f"the discriminator's norm is {norm!r}", todo)
        if set(attention) - set(range(1, len(channels) + 1)):
            todo = f"give numbers from 1 to {len(channels)}, the convolutions with TReLU"
            raise UserError(f"the discriminator's attention is {list(attention)}", todo)
        conv = _CONVS[norm]
        layers: list[nn.Module] = []
        fan_in = 6
        for number, fan_out in enumerate(channels, start=1):
            layers += [conv(fan_in, fan_out, 5, 2), TReLU()]
            if number in attention:
                layers.append(SelfAttention(fan_out, conv))
            fan_in = fan_out
        layers.append(conv(fan_in, outputs, 5, 2))
        self.layers = nn.Sequential(*layers)

    def forward(self, target: Tensor, canvas: Tensor) -> Tensor:
        """Map target and canvas (B, 3, H, W) each to (B, outputs)."""
        maps = self.layers(torch.cat([target, canvas], dim=1))  # (B, outputs, H / 32, W / 32)
        embedding: Tensor = maps.mean((2, 3))
        return embedding


@validated
class Discriminator(PairEmbedding):
    """Discriminator of pairs of target and canvas; the papers' network is the default.

    Args:
        channels: See `PairEmbedding`.
        norm: See there.
        attention: See there.
        last_trelu: Whether the last convolution is followed by a TReLU, too, as in ICCV 2019,
            Figure 11; not so in the authors' code: no score is then below a learned threshold.
    """

    def __init__(
        self,
        channels: Sequence[Count] = (16, 32, 64, 128),
        norm: str = "weight",
        attention: Sequence[Count] = (),
        last_trelu: bool = False,
    ) -> None:
        super().__init__(channels, 1, norm, attention)
        if last_trelu:
            self.layers.append(TReLU())

    def forward(self, target: Tensor, canvas: Tensor) -> Tensor:
        """Map target and canvas (B, 3, H, W) each to a score (B,)."""
        return super().forward(target, canvas)[:, 0]
