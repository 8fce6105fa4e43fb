"""Rewards: how much better a bundle of strokes made the canvas."""

from impasto.rl.rewards.adversarial import AdversarialReward
from impasto.rl.rewards.base import LearnedReward, Reward
from impasto.rl.rewards.cramer_gan import CramerGanReward
from impasto.rl.rewards.dragan import DraganReward
from impasto.rl.rewards.fisher_gan import FisherGanReward
from impasto.rl.rewards.l1 import L1Reward
from impasto.rl.rewards.l2 import L2Reward, l2_distance
from impasto.rl.rewards.penalties import gradient_penalty, perturbed_gradient_penalty
from impasto.rl.rewards.perceptual import PerceptualReward
from impasto.rl.rewards.psnr import PsnrReward
from impasto.rl.rewards.sagan import SaganReward
from impasto.rl.rewards.sngan import SnganReward
from impasto.rl.rewards.weighted import WeightedReward
from impasto.rl.rewards.wgan_gp import WganGpReward

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
