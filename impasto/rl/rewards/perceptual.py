"""Distance of a classifier's features as a reward."""

from collections.abc import Sequence

from torch import Tensor

from impasto.bounds import Count, Positive, validated
from impasto.networks.features import ClassifierFeatures
from impasto.networks.perceptual import PerceptualDistance
from impasto.rl.rewards.base import Reward


@validated
class PerceptualReward(Reward):
    """r = scale * (d(C_t, I) - d(C_{t+1}, I)), d the `PerceptualDistance`.

    Args:
        model: A classifier of torchvision, or of the extra `[features]`.
        layers: Its nodes to compare; by default the last ReLU of VGG-16's first three groups.
        weights: ``default`` (torchvision's, downloaded once; the extra's) or a file with a state
            dict.
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
        self.distance = PerceptualDistance(self.features, min_size)
        self.scale = scale

    def score(self, canvas: Tensor, target: Tensor) -> Tensor:
        """Return minus the scaled distance, (B,)."""
        return -self.scale * self.distance(canvas, target)
