"""Rewards: how much better a bundle of strokes made the canvas."""

from painting.rewards.adversarial import AdversarialReward
from painting.rewards.base import LearnedReward, Reward
from painting.rewards.l1 import L1Reward
from painting.rewards.l2 import L2Reward, l2_distance
from painting.rewards.penalties import gradient_penalty, perturbed_gradient_penalty
from painting.rewards.psnr import PsnrReward
from painting.rewards.wgan_gp import WganGpReward

__all__ = [
    "AdversarialReward", "L1Reward", "L2Reward", "LearnedReward", "PsnrReward", "Reward",
    "WganGpReward", "gradient_penalty", "l2_distance", "perturbed_gradient_penalty",
]  # fmt: skip
