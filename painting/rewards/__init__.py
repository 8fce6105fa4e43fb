"""Rewards: how much better a bundle of strokes made the canvas."""

from painting.rewards.base import LearnedReward, Reward
from painting.rewards.l2 import L2Reward, l2_distance
from painting.rewards.psnr import PsnrReward
from painting.rewards.wgan_gp import WganGpReward, gradient_penalty

__all__ = [
    "L2Reward", "LearnedReward", "PsnrReward", "Reward", "WganGpReward", "gradient_penalty",
    "l2_distance",
]  # fmt: skip
