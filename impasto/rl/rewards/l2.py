"""Squared error as a reward."""

from torch import Tensor

from impasto.bounds import Positive, validated
from impasto.rl.rewards.base import Reward


def l2_distance(canvas: Tensor, target: Tensor) -> Tensor:
    """Return the mean of (canvas - target)^2 over pixels and channels, (B,), of (B, C, H, W)."""
    return (canvas - target).square().flatten(1).mean(1)


@validated
class L2Reward(Reward):
    """r = scale * (||C_t - I||^2 - ||C_{t+1} - I||^2), mean over pixels and channels.

    ICCV 2019, section 5.4.2.

    Args:
        scale: Factor on the reward. A whole episode's sum is about 0.1 at 1.
    """

    def __init__(self, scale: Positive = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def score(self, canvas: Tensor, target: Tensor) -> Tensor:
        """Return minus the scaled squared error, (B,)."""
        return -self.scale * l2_distance(canvas, target)
