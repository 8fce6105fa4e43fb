"""Rewards: how much better a bundle of strokes made the canvas."""

from painting.rewards.adversarial import AdversarialReward
from painting.rewards.base import LearnedReward, Reward
from painting.rewards.cramer_gan import CramerGanReward
from painting.rewards.dragan import DraganReward
from painting.rewards.fisher_gan import FisherGanReward
from painting.rewards.l1 import L1Reward
from painting.rewards.l2 import L2Reward, l2_distance
from painting.rewards.penalties import gradient_penalty, perturbed_gradient_penalty
from painting.rewards.perceptual import PerceptualReward
from painting.rewards.psnr import PsnrReward
from painting.rewards.sagan import SaganReward
from painting.rewards.sngan import SnganReward
from painting.rewards.weighted import WeightedReward
from painting.rewards.wgan_gp import WganGpReward

__all__ = [
    "AdversarialReward",
    "CramerGanReward",
    "DraganReward",
    "FisherGanReward",
    "L1Reward",
    "L2Reward",
    "LearnedReward",
    "PerceptualReward",
    "PsnrReward",
    "Reward",
    "SaganReward",
    "SnganReward",
    "WeightedReward",
    "WganGpReward",
    "gradient_penalty",
    "l2_distance",
    "perturbed_gradient_penalty",
]
