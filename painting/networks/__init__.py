"""Networks: the residual trunk of actor and critic, discriminators, and their slow copies."""

from painting.networks.discriminator import Discriminator, PairEmbedding
from painting.networks.polyak import frozen_copy, polyak_update
from painting.networks.resnet import Actor, Critic, ResNet, ZeroCritic

__all__ = [
    "Actor", "Critic", "Discriminator", "PairEmbedding", "ResNet", "ZeroCritic", "frozen_copy",
    "polyak_update",
]  # fmt: skip
