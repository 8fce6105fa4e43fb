"""Observation of the networks: nine planes."""

import torch
from torch import Tensor

OBSERVATION_CHANNELS = 9
CANVAS = slice(0, 3)
TARGET = slice(3, 6)
STEP = 6
# 7 and 8 are x and y (CoordConv).


def observation(canvas: Tensor, target: Tensor, progress: Tensor) -> Tensor:
    """Stack canvas, target, step and coordinates (ICCV 2019, Figures 13 and 14).

    Args:
        canvas: C_t, (B, 3, H, W) in [0, 1].
        target: I, (B, 3, H, W) in [0, 1].
        progress: t / T, (B,).

    Returns:
        (B, 9, H, W); x and y are in [-1, 1].
    """
    count, _, height, width = canvas.shape
    plane = (count, 1, height, width)
    step = progress.to(canvas).view(-1, 1, 1, 1).expand(plane)
    x = torch.linspace(-1, 1, width, device=canvas.device).expand(plane)
    y = torch.linspace(-1, 1, height, device=canvas.device)[:, None].expand(plane)
    return torch.cat([canvas, target, step, x, y], dim=1)
