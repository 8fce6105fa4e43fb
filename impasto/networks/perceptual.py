"""Perceptual distances of two pictures, by the feature maps of a classifier of photographs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from impasto.errors import UserError
from impasto.networks.features import ClassifierFeatures
from impasto.persistence.tensors import read_tensors

_ALEXNET = ("features.1", "features.4", "features.7", "features.9", "features.11")  # its ReLUs
_LITE = ("_blocks.0", "_blocks.2", "_blocks.4")  # at a half, a quarter, an eighth of the size
_LEAST = 32  # pixels on the shorter side that AlexNet can look at


@dataclass(frozen=True)
class PerceptualDistance:
    """Distance of feature maps, differentiable.

    d(x, y) = mean over layers l and places (h, w) of ||phi_l(x)_hw - phi_l(y)_hw||^2, phi of unit
    length over the channels at each place, so that layers and models count alike: from 0 to 2 for
    features that are not negative. It is Eq. 1 of Zhang et al., "The Unreasonable Effectiveness of
    Deep Features as a Perceptual Metric", 2018, with all w_l = 1, averaged over the layers instead
    of summed.

    Attributes:
        features: Of the layers.
        min_size: Smaller pictures are enlarged until the shorter side has so many pixels.

    Raises:
        UserError: The network can't look at pictures of that size, or a layer gives no map.
    """

    features: ClassifierFeatures
    min_size: int = 32

    @classmethod
    def of_lite(cls, model: str = "efficientnet_lite0", setting: str = "weights") -> Self:
        """Make the distance by a network of the extra `[features]`.

        Args:
            model: ``efficientnet_lite0`` or ``efficientnet_lite1``.
            setting: What errors call the argument that asked for it.

        Raises:
            UserError: The extra is not installed.
        """
        return cls(ClassifierFeatures(model, _LITE, setting=setting))

    def __post_init__(self) -> None:
        """Try the layers on a picture of the smallest size."""
        size, todo = self.min_size, f"layers nearer to the picture in `{self.features.owner}layers`"
        try:
            with torch.no_grad():
                maps = self.features(torch.zeros(1, 3, size, size))
        except (RuntimeError, ValueError, AssertionError) as error:
            what = f"{self.features.model} can't look at pictures of {size} px with these layers"
            raise UserError(what, f"give a larger `min_size`, or {todo}") from error
        for name, one in zip(self.features.layers, maps, strict=True):
            if one.ndim != 4:
                what = f"layer {name} of {self.features.model} gives no map of features"
                raise UserError(what, f"give {todo}")

    def __call__(self, canvas: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the distances of pictures (B, 3, H, W) in [0, 1], (B,).

        Differentiable in the canvases; targets count as constant. A `weight` (H, W), 1 on the mean,
        says how much places count.
        """
        with torch.no_grad():
            target_maps = self._describe(target)
        distances = []
        for one, other in zip(self._describe(canvas), target_maps, strict=True):
            squares = (one - other).square().sum(1)  # (B, h, w)
            if weight is not None:
                squares = squares * adaptive_avg_pool2d(weight[None], squares.shape[1:])
            distances.append(squares.mean((1, 2)))
        return torch.stack(distances).mean(0)

    def _describe(self, pictures: Tensor) -> list[Tensor]:
        return describe(self.features, pictures, self.min_size, floor=1e-6)


def describe(
    features: ClassifierFeatures, pictures: Tensor, min_size: int, floor: float
) -> list[Tensor]:
    """Return feature maps of unit length over their channels.

    Args:
        features: Of the layers.
        pictures: (B, 3, H, W) in [0, 1].
        min_size: They are enlarged until the shorter side has so many pixels.
        floor: Under a vector's squared length, so that an empty one has a gradient.

    Returns:
        Of each layer (B, C, h, w).
    """
    factor = min_size / min(pictures.shape[2:])
    if factor > 1:
        size = [round(factor * side) for side in pictures.shape[2:]]
        pictures = interpolate(pictures, size, mode="bilinear")
    return [x * (x.square().sum(1, keepdim=True) + floor).rsqrt() for x in features(pictures)]


class Lpips(nn.Module):
    """Learned perceptual image patch similarity of Zhang et al., 2018, version 0.1 on AlexNet.

    d(x, y) = sum over layers l of the mean over places (h, w) of
    ||w_l * (phi_l(x)_hw - phi_l(y)_hw)||^2 (Eq. 1), phi of unit length over the channels. The
    weights w_l² come with torchmetrics; those of AlexNet do not, and are torchvision's.

    Args:
        weights: A file with a state dict of torchvision's AlexNet, or ``default``: it is
            downloaded once.

    Raises:
        UserError: There is no such file, it is none of AlexNet, or it can't be downloaded.
    """

    def __init__(self, weights: str = "default") -> None:
        super().__init__()
        import torchmetrics  # for its place: slow to import

        self.features = ClassifierFeatures("alexnet", _ALEXNET, weights, setting="lpips")
        file = Path(torchmetrics.__file__).parent / "functional/image/lpips_models/alex.pth"
        linear = read_tensors(file)
        for number in range(len(_ALEXNET)):  # each (1, C, 1, 1), not negative
            self.register_buffer(f"linear{number}", linear[f"lin{number}.model.1.weight"])

    @torch.no_grad()
    def forward(self, canvas: Tensor, target: Tensor) -> Tensor:
        """Return the distance of pictures (B, 3, H, W) in [0, 1], (B,): 0 if they are the same."""
        maps = (describe(self.features, one, _LEAST, floor=1e-8) for one in (canvas, target))
        distances = []
        for number, (one, other) in enumerate(zip(*maps, strict=True)):
            weight = self.get_buffer(f"linear{number}")
            distances.append(((one - other).square() * weight).sum(1).mean((1, 2)))
        return torch.stack(distances).sum(0)
