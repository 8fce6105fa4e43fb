"""How alike pictures are, one figure for each of a batch."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from painting.rewards.l2 import l2_distance

_MOST = 100.0  # dB; a perfect canvas has an infinite ratio, of which no mean can be taken
_SIGMA, _REACH = 1.5, 5  # pixels: of the Gaussian window, and to its edge
_SMALL = (0.01**2, 0.03**2)  # C1, C2 for values in [0, 1]


def peak_ratio(canvas: Tensor, target: Tensor) -> Tensor:
    """Peak signal to noise ratio of pictures (B, C, H, W) in [0, 1]: (B,), dB, 100 at most."""
    return (-10 * l2_distance(canvas, target).log10()).clamp_max(_MOST)


def structural_similarity(canvas: Tensor, target: Tensor) -> Tensor:
    """SSIM (Wang et al., 2004, Eq. 13) of pictures (B, C, H, W) in [0, 1]: (B,), 1 at best.

    The window is a Gaussian of 11 x 11 pixels; at the border the picture is mirrored, and the mean
    is over all pixels and channels. That is what torchmetrics computes; loading it takes longer
    than to paint a small picture, as it brings torchvision and torch's compiler.
    """
    pictures = torch.cat([canvas, target, canvas**2, target**2, canvas * target])
    x, y, xx, yy, xy = _blur(pictures).chunk(5)  # local means, (B, C, H, W) each
    variance_x, variance_y = (xx - x**2).clamp_min(0), (yy - y**2).clamp_min(0)
    likeness = (2 * x * y + _SMALL[0]) * (2 * (xy - x * y) + _SMALL[1])
    likeness /= (x**2 + y**2 + _SMALL[0]) * (variance_x + variance_y + _SMALL[1])
    return likeness.flatten(1).mean(1)


def _blur(pictures: Tensor) -> Tensor:
    """Means under the window around every pixel of (B, C, H, W), at the border of its mirror."""
    places = torch.arange(-_REACH, _REACH + 1, dtype=torch.float64)
    window = torch.softmax(-0.5 * (places / _SIGMA) ** 2, 0).tolist()
    pictures = pad(pictures, [_REACH] * 4, mode="reflect")
    # Down the columns, then along the rows. On a CPU shifted sums take a quarter of the time that
    # a convolution channel by channel does.
    for axis in (2, 3):
        size = pictures.shape[axis] - 2 * _REACH
        total = pictures.narrow(axis, 0, size) * window[0]
        for place, weight in enumerate(window[1:], start=1):
            total.add_(pictures.narrow(axis, place, size), alpha=weight)
        pictures = total
    return pictures
