"""Replay buffers: whole episodes of canvases, and how transitions are drawn from them."""

from painting.replay.buffer import ReplayBuffer, Transition
from painting.replay.prioritized import PrioritizedReplay

__all__ = ["PrioritizedReplay", "ReplayBuffer", "Transition"]
