"""Exploration: how rollouts depart from what the actor would do."""

from impasto.rl.exploration.action_noise import ActionNoise
from impasto.rl.exploration.base import Exploration, NoExploration
from impasto.rl.exploration.parameter_noise import ParameterNoise, perturb

__all__ = ["ActionNoise", "Exploration", "NoExploration", "ParameterNoise", "perturb"]
