"""Networks: the residual trunk of actor and critic, discriminators, and their target networks."""

from impasto.networks.actor_critic import ActionCritic, Actor, Critic, TwinCritic, ZeroCritic
from impasto.networks.discriminator import Discriminator, PairEmbedding
from impasto.networks.lstm_actor import LstmActor
from impasto.networks.polyak import frozen_copy, make_plain, polyak_update
from impasto.networks.resnet import ResNet
from impasto.networks.strokes import StrokeCritic, StrokeEncoder

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
