"""LightningModules: the pretraining of renderers, and the painting agents."""

from lightning_modules.actor_critic import ActorCritic
from lightning_modules.checkpoint_io import AtomicCheckpointIO
from lightning_modules.ddpg import DDPG
from lightning_modules.gan_renderer import GanRendererModule
from lightning_modules.lstm_adversarial import LstmAdversarial
from lightning_modules.model_based_ddpg import ModelBasedDDPG
from lightning_modules.painting_agent import PaintingAgent
from lightning_modules.patch_q import PatchQ
from lightning_modules.quickening import AutoPrecision
from lightning_modules.rank_strategy import RankStrategy
from lightning_modules.renderer_module import RendererModule
from lightning_modules.short_horizon import ShortHorizon
from lightning_modules.td3 import TD3
from lightning_modules.updates import UpdateModule
from lightning_modules.vae_renderer import VaeRendererModule

__all__ = [
    "DDPG",
    "TD3",
    "ActorCritic",
    "AtomicCheckpointIO",
    "AutoPrecision",
    "GanRendererModule",
    "LstmAdversarial",
    "ModelBasedDDPG",
    "PaintingAgent",
    "PatchQ",
    "RankStrategy",
    "RendererModule",
    "ShortHorizon",
    "UpdateModule",
    "VaeRendererModule",
]
