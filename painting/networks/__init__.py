"""Networks: the residual trunk of actor and critic, the discriminator, and their slow copies."""

from painting.networks.discriminator import Discriminator
from painting.networks.polyak import frozen_copy, polyak_update
from painting.networks.resnet import Actor, Critic, ResNet, ZeroCritic

__all__ = [
    "Actor", "Critic", "Discriminator", "ResNet", "ZeroCritic", "frozen_copy", "polyak_update",
]  # fmt: skip
