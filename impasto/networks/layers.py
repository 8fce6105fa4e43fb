"""Layers that the networks share."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, scaled_dot_product_attention
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from impasto.runtime.precision import full_precision

# With fewer channels, last in memory, the gradients of a 1 x 1 convolution with a stride write past
# the end of their memory (oneDNN of torch 2.15, processors with AVX2).
_FEWEST = 8


class TReLU(nn.Module):
    """Translated ReLU with a learned threshold: ReLU(x - a) + a (Xiang and Li, 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Apply elementwise, to any shape."""
        threshold = self.threshold.to(x.dtype)  # or one float32 number would widen the whole map
        return torch.relu(x - threshold) + threshold


class Conv(nn.Conv2d):
    """A convolution that keeps its map's size at stride 1: an odd kernel, padded by half of it.

    Of a map of one pixel only the kernel's middle sees anything. So there it is a linear layer, and
    never in fewer bits than 32: in bfloat16 torch 2.15 takes such gradients, on processors with
    AMX, from memory that nobody wrote.

    Args:
        fan_in: Channels in.
        fan_out: Channels out.
        kernel: Its side, odd.
        stride: Of both directions.
        bias: Whether it has one.
    """

    def __init__(
        self, fan_in: int, fan_out: int, kernel: int, stride: int = 1, bias: bool = True
    ) -> None:
        super().__init__(fan_in, fan_out, kernel, stride, padding=kernel // 2, bias=bias)

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if x.shape[2:] != (1, 1):
            if self.kernel_size == (1, 1) and self.in_channels < _FEWEST:
                return conv2d(x[:, :, :: self.stride[0], :: self.stride[1]], weight, bias)
            maps: Tensor = super()._conv_forward(x, weight, bias)
            return maps
        row, column = (side // 2 for side in self.kernel_size)
        wide = torch.promote_types(weight.dtype, torch.float32)
        middle, shift = weight[:, :, row, column].to(wide), None if bias is None else bias.to(wide)
        with full_precision(x):
            out: Tensor = linear(x.flatten(1).to(wide), middle, shift)
        return out.to(weight.dtype)[..., None, None]


def weight_normed_conv(fan_in: int, fan_out: int, kernel: int, stride: int = 1) -> nn.Module:
    """A convolution with bias and weight normalization, padded to keep its size at stride 1."""
    normed: nn.Module = weight_norm(Conv(fan_in, fan_out, kernel, stride))
    return normed


def spectral_normed_conv(fan_in: int, fan_out: int, kernel: int, stride: int = 1) -> nn.Module:
    """Build the same with spectral normalization: W / sigma(W), W as a matrix (SNGAN, Eq. 8).

    sigma, the largest singular value, is followed by one power iteration per pass in training
    mode; evaluation mode leaves it as it is.
    """
    normed: nn.Module = spectral_norm(Conv(fan_in, fan_out, kernel, stride))
    return normed


class SelfAttention(nn.Module):
    """y = gamma * v(attention of x to itself) + x (SAGAN, Eq. 1 to 3), gamma from 0.

    Place j of the map takes from every place i in proportion to exp(f(x_i)^T g(x_j)), without the
    scale that transformers divide by. f and g have an eighth of the channels, h a half (as in the
    authors' code; their text says an eighth), all by 1 x 1 convolutions.

    Args:
        channels: Of the map.
        conv: Makes the convolutions from (channels in, channels out, kernel size).
    """

    def __init__(self, channels: int, conv: Callable[[int, int, int], nn.Module]) -> None:
        super().__init__()
        narrow, half = max(channels // 8, 1), max(channels // 2, 1)
        self.f = conv(channels, narrow, 1)  # keys
        self.g = conv(channels, narrow, 1)  # queries
        self.h = conv(channels, half, 1)  # values
        self.v = conv(half, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Attend over all places of maps (B, channels, h, w)."""
        key, query, value = (_places(conv(x)) for conv in (self.f, self.g, self.h))
        out = scaled_dot_product_attention(query, key, value, scale=1.0)  # (B, 1, h * w, half)
        out = out[:, 0].transpose(1, 2).unflatten(2, x.shape[2:])  # (B, half, h, w)
        attended: Tensor = self.gamma * self.v(out) + x
        return attended


def _places(x: Tensor) -> Tensor:
    """Flatten (B, C, h, w) to one head of all places, (B, 1, h * w, C)."""
    return x.flatten(2).transpose(1, 2)[:, None]
