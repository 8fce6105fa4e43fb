"""Similarity of a painting's picture to the picture that it was painted from."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.canvas import decibels, to_float
from impasto.io.images import resize_image
from impasto.networks.perceptual import Lpips, PerceptualDistance

# The window of SSIM (Wang et al., 2004, section III.B): a Gaussian, cut off at 5 pixels.
REACH = 5
_WINDOW = np.exp(-0.5 * (np.arange(-REACH, REACH + 1) / 1.5) ** 2)
_WINDOW /= _WINDOW.sum()
_C1, _C2 = 0.01**2, 0.03**2
# Pixels of a band of rows: what is kept in floats at a time fits into the processor's cache.
_BAND_PIXELS = 2**16


@dataclass(frozen=True)
class Nearness:
    """Similarity of a picture to its target, as both are in their files.

    Attributes:
        canvas: (H, W, 3) uint8, RGB.
        target: Likewise.
    """

    canvas: NDArray[np.uint8]
    target: NDArray[np.uint8]

    @cached_property
    def l2(self) -> float:
        """Mean of (canvas - target)² over pixels and channels, in [0, 1]²."""
        total = 0
        for rows in self._bands():
            error = np.subtract(self.canvas[rows], self.target[rows], dtype=np.int32)
            total += int(np.square(error).sum(dtype=np.int64))
        return total / (255**2 * self.target.size)

    @property
    def psnr(self) -> float:
        """Peak signal to noise ratio, -10 log10 L2 dB; 100 at most."""
        return decibels(self.l2)

    @cached_property
    def ssim(self) -> float:
        """Mean structural similarity, at most 1 (Wang et al., 2004, Eq. 13), mirrored at the edge.

        The same as torchmetrics', which takes 1.5 KB a pixel; band by band it is a few MB in all.
        """
        height, width = self.target.shape[:2]
        mirrored = [np.pad(np.arange(side), REACH, mode="reflect") for side in (height, width)]
        total = 0.0
        for band in self._bands():
            rows = mirrored[0][band.start : band.stop + 2 * REACH]
            canvas, target = (
                to_float(torch.from_numpy(one[rows][:, mirrored[1]].transpose(2, 0, 1).copy()))
                for one in (self.canvas, self.target)
            )
            total += float(similarity(canvas, target).sum(dtype=torch.float64))
        return total / self.target.size

    @torch.no_grad()
    def distance(self, network: Lpips | PerceptualDistance) -> float:
        """Perceptual distance, 0 at best."""
        return float(network(as_tensor(self.canvas)[None], as_tensor(self.target)[None]))

    def measures(self) -> dict[str, float]:
        """`l2`, `psnr` and `ssim`."""
        return {"l2": self.l2, "psnr": self.psnr, "ssim": self.ssim}

    def _bands(self) -> Iterator[slice]:
        height, width = self.target.shape[:2]
        rows = max(1, _BAND_PIXELS // width)
        return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def as_tensor(image: NDArray[np.uint8]) -> Tensor:
    """Convert a picture (H, W, 3) uint8 to (3, H, W) in [0, 1]."""
    return to_float(torch.from_numpy(image).permute(2, 0, 1)).contiguous()


def target_of(image: NDArray[np.uint8], size: tuple[int, int]) -> Tensor:
    """Resize a picture (H, W, 3) uint8 to (3, rows, columns) in [0, 1]."""
    return as_tensor(resize_image(image, *size))


def similarity(canvas: Tensor, target: Tensor) -> Tensor:
    """Return SSIM (Eq. 13) at each pixel, (3, h, w), of (3, h + 10, w + 10) in [0, 1]."""
    products = [canvas, target, canvas * canvas, target * target, canvas * target]
    mean, other, square, other_square, product = _averaged(_averaged(torch.stack(products), 2), 3)
    variances = (square - mean * mean).clamp_min(0) + (other_square - other * other).clamp_min(0)
    numerator = (2 * mean * other + _C1) * (2 * (product - mean * other) + _C2)
    similarity: Tensor = numerator / ((mean * mean + other * other + _C1) * (variances + _C2))
    return similarity


def _averaged(values: Tensor, dim: int) -> Tensor:
    """Average by the window along a dimension, which gets 10 shorter."""
    size = values.shape[dim] - 2 * REACH
    average: Tensor = values.narrow(dim, 0, size) * _WINDOW[0]
    for start, weight in enumerate(_WINDOW[1:], start=1):
        average.add_(values.narrow(dim, start, size), alpha=float(weight))
    return average
