"""Distance of a classifier's features as a reward."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from impasto.bounds import Count, Positive, validated
from impasto.errors import UserError
from impasto.networks.features import ClassifierFeatures
from impasto.rl.rewards.base import Reward

_FLOOR = 1e-6  # under a feature vector's squared length, so that an empty one has a gradient


@validated
class PerceptualReward(Reward):
    """r = scale * (d(C_t, I) - d(C_{t+1}, I)), d a distance of feature maps.

    d(x, y) = mean over layers l and places (h, w) of ||phi_l(x)_hw - phi_l(y)_hw||^2, phi of unit
    length over the channels at each place, so that layers and models count alike: from 0 to 2 for
    features that are not negative. It is Eq. 1 of Zhang et al., "The Unreasonable Effectiveness of
    Deep Features as a Perceptual Metric", 2018, with all w_l = 1, averaged over the layers instead
    of summed.

    Args:
        model: A classifier of torchvision.
        layers: Its nodes to compare; by default the last ReLU of VGG-16's first three groups.
        weights: ``default`` (torchvision's, downloaded once) or a file with a state dict.
        min_size: Smaller pictures are enlarged until the shorter side has so many pixels.
        scale: Factor on the reward.
    """

    def __init__(
        self,
        model: str = "vgg16",
        layers: Sequence[str] = ("features.3", "features.8", "features.15"),
        weights: str = "default",
        min_size: Count = 32,
        scale: Positive = 1.0,
    ) -> None:
        super().__init__()
        self.features = ClassifierFeatures(model, layers, weights, "PerceptualReward.weights")
        self.min_size = min_size
        self.scale = scale
        self._check(model)

    def score(self, canvas: Tensor, target: Tensor) -> Tensor:
        """Return minus the scaled distance, (B,)."""
        with torch.no_grad():
            target_features = self._describe(target)
        pairs = zip(self._describe(canvas), target_features, strict=True)
        distances = [(a - b).square().sum(1).mean((1, 2)) for a, b in pairs]  # (B,) per layer
        return -self.scale * torch.stack(distances).mean(0)

    def _describe(self, pictures: Tensor) -> list[Tensor]:
        """Return phi_l of (B, 3, H, W), each (B, C, h, w) of unit length over C."""
        factor = self.min_size / min(pictures.shape[2:])
        if factor > 1:
            size = [round(factor * side) for side in pictures.shape[2:]]
            pictures = interpolate(pictures, size, mode="bilinear")
        maps = self.features(pictures)
        return [x * (x.square().sum(1, keepdim=True) + _FLOOR).rsqrt() for x in maps]

    @torch.no_grad()
    def _check(self, model: str) -> None:
        """Try the layers on a picture of the smallest size.

        Raises:
            UserError: The model can't, or a layer gives something else than a map.
        """
        try:
            maps = self.features(torch.zeros(1, 3, self.min_size, self.min_size))
        except (RuntimeError, ValueError, AssertionError) as error:
            todo = "give a larger `min_size`, or layers nearer to the picture"
            raise UserError(
                f"{model} can't look at pictures of {self.min_size} px with these layers", todo
            ) from error
        flat = [name for name, x in zip(self.features.layers, maps, strict=True) if x.ndim != 4]
        if flat:
            todo = "give layers nearer to the picture in `PerceptualReward.layers`"
            raise UserError(f"layer {flat[0]} of {model} gives no map of features", todo)
