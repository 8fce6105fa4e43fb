"""Exploration: how rollouts depart from what the actor would do."""

from painting.exploration.action_noise import ActionNoise
from painting.exploration.base import Exploration, NoExploration
from painting.exploration.parameter_noise import ParameterNoise, perturb

__all__ = ["ActionNoise", "Exploration", "NoExploration", "ParameterNoise", "perturb"]
