"""The actor of LearningToPaint's published weights."""

import torch
from torch import Tensor

from impasto.networks.actor_critic import Actor
from impasto.rl.environment import STEP


class LearningToPaintActor(Actor):
    """The authors' actor: it has learned with coordinates from 0 to 1, where ours are from -1 to 1.

    The difference cannot be put into the weights: a convolution pads with 0, which is another place
    in the two. Everything else about them can be (`impasto.tasks.publish.learning_to_paint`).
    """

    def forward(self, observation: Tensor) -> Tensor:
        """Map (B, 9, H, W) to (B, K * D) in [0, 1]."""
        planes, places = observation.split([STEP + 1, observation.shape[1] - STEP - 1], dim=1)
        return super().forward(torch.cat([planes, (places + 1) / 2], dim=1))
