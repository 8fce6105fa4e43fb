"""Canvases: blank ones, and conversion to bytes.

Shapes: B batch, H rows, W columns. RGB floats in [0, 1].
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.runtime.constants import constant

_LEAST_L2 = 1e-10  # a perfect canvas has an infinite PSNR, of which no mean can be taken


def decibels(l2: float | Tensor) -> float:
    """Convert a mean squared error to PSNR: -10 log10 L2 dB; 100 at most."""
    return -10 * math.log10(max(float(l2), _LEAST_L2))


def blank_canvas(
    count: int,
    height: int,
    width: int,
    background: Sequence[float],
    device: torch.device | str | None = None,
) -> Tensor:
    """Make canvases of one colour.

    Args:
        count: How many, B.
        height: Rows H.
        width: Columns W.
        background: RGB in [0, 1].
        device: Where they lie.

    Returns:
        (B, 3, H, W) float32, contiguous.
    """
    color = constant(background, torch.empty(0, dtype=torch.float32, device=device))
    return color.view(1, 3, 1, 1).expand(count, 3, height, width).contiguous()


def to_uint8(image: Tensor) -> Tensor:
    """Convert [0, 1] to 0..255, rounded: truncation would darken every canvas by a level per step.

    What is uint8 already stays as it is.
    """
    if image.dtype == torch.uint8:
        return image
    return (image.detach() * 255).round_().clamp_(0, 255).to(torch.uint8)


def to_array(image: Tensor) -> NDArray[np.uint8]:
    """Convert (C, H, W) in [0, 1], on any device, to a picture (H, W, C) uint8."""
    return np.ascontiguousarray(to_uint8(image).permute(1, 2, 0).cpu().numpy())


def to_hex(color: Tensor) -> str:
    """Format RGB (3,) in [0, 1] as #rrggbb."""
    return "#" + bytes(to_uint8(color).tolist()).hex()


def to_float(image: Tensor) -> Tensor:
    """Convert 0..255 uint8 to [0, 1] float32."""
    return image.float() / 255
