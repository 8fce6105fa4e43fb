"""Networks: the residual trunk of actor and critic, the discriminator, and their slow copies."""

from painting.networks.actor_critic import ActionCritic, Actor, Critic, TwinCritic, ZeroCritic
from painting.networks.discriminator import Discriminator
from painting.networks.polyak import frozen_copy, polyak_update
from painting.networks.resnet import ResNet

__all__ = [
    "ActionCritic", "Actor", "Critic", "Discriminator", "ResNet", "TwinCritic", "ZeroCritic",
    "frozen_copy", "polyak_update",
]  # fmt: skip
