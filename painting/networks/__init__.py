"""Networks: the residual trunk of actor and critic, discriminators, and their target networks."""

from painting.networks.actor_critic import ActionCritic, Actor, Critic, TwinCritic, ZeroCritic
from painting.networks.discriminator import Discriminator, PairEmbedding
from painting.networks.lstm_actor import LstmActor
from painting.networks.polyak import frozen_copy, make_plain, polyak_update
from painting.networks.resnet import ResNet
from painting.networks.strokes import StrokeCritic, StrokeEncoder

__all__ = [
    "ActionCritic",
    "Actor",
    "Critic",
    "Discriminator",
    "LstmActor",
    "PairEmbedding",
    "ResNet",
    "StrokeCritic",
    "StrokeEncoder",
    "TwinCritic",
    "ZeroCritic",
    "frozen_copy",
    "make_plain",
    "polyak_update",
]
