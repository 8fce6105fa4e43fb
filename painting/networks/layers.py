"""Layers that the networks share."""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class TReLU(nn.Module):
    """Translated ReLU with a learned threshold: ReLU(x - a) + a (Xiang and Li, 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Any shape, elementwise."""
        return torch.relu(x - self.threshold) + self.threshold


def weight_normed_conv(fan_in: int, fan_out: int, kernel: int, stride: int = 1) -> nn.Module:
    """A convolution with bias and weight normalization, padded to keep its size at stride 1."""
    conv = nn.Conv2d(fan_in, fan_out, kernel, stride, padding=kernel // 2)
    normed: nn.Module = weight_norm(conv)
    return normed
