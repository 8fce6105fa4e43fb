"""Objectives of a painter: what counts beside the squared error of pixels.

Shapes: H rows and W columns of a canvas.
"""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from impasto.metrics import REACH, similarity
from impasto.networks.perceptual import PerceptualDistance
from impasto.runtime.constants import constant

Distance = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of a canvas (3, H, W) from a target like it, by each pixel's weight (H, W), 1 on the mean: a
scalar with a gradient, which is added to the mean squared error."""

_SHARE = 0.003  # of the dissimilarity, beside a mean squared error in [0, 1]
_FEATURES_SHARE = 0.003  # the same of a distance of features, in [0, 4]
_LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)


def structural_distance(canvas: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean of 1 - SSIM (Wang et al., 2004, Eq. 13) of the luma, times 0.003."""
    pictures = torch.stack([canvas, target])
    luma = (pictures * constant(_LUMA, pictures)[:, None, None]).sum(1)  # (2, H, W)
    wide = functional.pad(luma[None], (REACH,) * 4, mode="reflect")[0]
    return _SHARE * ((1 - similarity(*wide.split(1))[0]) * weight).mean()


def perceptual_distance(canvas: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the `PerceptualDistance` by EfficientNet-Lite0, times 0.003."""
    return _FEATURES_SHARE * load_features(canvas.device)(canvas[None], target[None], weight)[0]


@cache
def load_features(device: torch.device) -> PerceptualDistance:
    """Load what `perceptual_distance` compares by, once.

    Raises:
        UserError: The extra `[features]` is not installed.
    """
    distance = PerceptualDistance.of_lite()
    distance.features.to(device)
    return distance


OBJECTIVES: Mapping[str, Distance | None] = MappingProxyType(
    {"l2": None, "ssim": structural_distance, "perceptual": perceptual_distance}
)
