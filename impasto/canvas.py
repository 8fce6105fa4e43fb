"""Canvases: blank ones, compositing, and conversion to bytes.

Shapes: B batch, K strokes of a bundle, H rows, W columns. RGB floats in [0, 1].
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
    color = torch.tensor(background, dtype=torch.float32, device=device)
    return color.view(1, 3, 1, 1).expand(count, 3, height, width).contiguous()


def composite(canvas: Tensor, alpha: Tensor, color: Tensor) -> Tensor:
    """Composite one stroke over each canvas: C (1 - alpha) + alpha * colour (SARA, Algorithm 1).

    Args:
        canvas: (B, 3, H, W).
        alpha: (B, 1, H, W); 1 is paint, 0 leaves the canvas.
        color: (B, 3).

    Returns:
        (B, 3, H, W).
    """
    return canvas + alpha * (color[:, :, None, None] - canvas)


def paint(canvas: Tensor, alpha: Tensor, color: Tensor) -> Tensor:
    """Composite a bundle of strokes over each canvas, the first one lowest.

    Args:
        canvas: (B, 3, H, W).
        alpha: (B, K, 1, H, W).
        color: (B, K, 3).

    Returns:
        (B, 3, H, W).
    """
    for k in range(alpha.shape[1]):
        canvas = composite(canvas, alpha[:, k], color[:, k])
    return canvas


def split_patches(picture: Tensor, count: int) -> Tensor:
    """Cut pictures into squares (or rectangles, of other pictures) without overlap.

    Args:
        picture: (B, C, H, W).
        count: Patches on a side, a divisor of H and W.

    Returns:
        (B * count^2, C, H / count, W / count): all of the first picture, row by row, then the next.
    """
    batch, channels, height, width = picture.shape
    cut = picture.reshape(batch, channels, count, height // count, count, width // count)
    return cut.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)


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


def to_float(image: Tensor) -> Tensor:
    """Convert 0..255 uint8 to [0, 1] float32."""
    return image.float() / 255
