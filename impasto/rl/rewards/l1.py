"""Absolute error as a reward."""

from torch import Tensor

from impasto.bounds import Positive, validated
from impasto.rl.rewards.base import Reward


@validated
class L1Reward(Reward):
    """r = scale * (|C_t - I| - |C_{t+1} - I|), mean over pixels and channels.

    Its gradient does not fade as a pixel comes close, and large errors count for less than in L2.

    Args:
        scale: Factor on the reward. A whole episode's sum is about 0.3 at 1.
    """

    def __init__(self, scale: Positive = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def score(self, canvas: Tensor, target: Tensor) -> Tensor:
        """Return minus the scaled absolute error, (B,)."""
        return -self.scale * (canvas - target).abs().flatten(1).mean(1)
