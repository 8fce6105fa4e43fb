"""Gain in PSNR as a reward."""

from torch import Tensor

from impasto.bounds import NotNegative, Positive, validated
from impasto.rl.rewards.base import Reward
from impasto.rl.rewards.l2 import l2_distance


@validated
class PsnrReward(Reward):
    """r = scale * (log10 L_{t+1}^-1 - log10 L_t^-1), L the mean squared error: the gain in bels.

    A squared error's gradient fades as the painting comes close, so that an agent trained on it
    learns its first bundles and repeats them. Here every bundle is paid for what it *divides* the
    remaining error by, and the late ones, and the easy pictures, count as much as the others.

    Args:
        scale: Factor on the reward.
        floor: Added to L, so that a perfect painting is worth a finite amount.
    """

    def __init__(self, scale: Positive = 1.0, floor: NotNegative = 1e-4) -> None:
        super().__init__()
        self.scale = scale
        self.floor = floor

    def score(self, canvas: Tensor, target: Tensor) -> Tensor:
        """Return the scaled PSNR in bels, (B,)."""
        return -self.scale * (l2_distance(canvas, target) + self.floor).log10()
