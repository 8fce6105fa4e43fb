"""Replay buffers: whole episodes of canvases, and how transitions are drawn from them."""

from impasto.rl.replay.buffer import ReplayBuffer, Transition
from impasto.rl.replay.prioritized import PrioritizedReplay

__all__ = ["PrioritizedReplay", "ReplayBuffer", "Transition"]
