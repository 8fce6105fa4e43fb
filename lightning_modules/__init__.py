"""LightningModules: the pretraining of renderers, and the painting agents."""

from lightning_modules.acceleration import AutoPrecision
from lightning_modules.agents.ddpg import DDPG
from lightning_modules.agents.lstm_adversarial import LstmAdversarial
from lightning_modules.agents.model_based_ddpg import ModelBasedDDPG
from lightning_modules.agents.off_policy import OffPolicyAgent
from lightning_modules.agents.painting import PaintingAgent
from lightning_modules.agents.patch_q import PatchQ
from lightning_modules.agents.sara import Sara
from lightning_modules.agents.short_horizon import ShortHorizon
from lightning_modules.agents.td3 import TD3
from lightning_modules.base import UpdateModule
from lightning_modules.checkpoint_io import AtomicCheckpointIO
from lightning_modules.distributed import RankStrategy
from lightning_modules.renderers.base import RendererModule
from lightning_modules.renderers.gan import GanRendererModule
from lightning_modules.renderers.vae import VaeRendererModule
from lightning_modules.trainer import Trainer

__all__ = [
    "DDPG",
    "TD3",
    "AtomicCheckpointIO",
    "AutoPrecision",
    "GanRendererModule",
    "LstmAdversarial",
    "ModelBasedDDPG",
    "OffPolicyAgent",
    "PaintingAgent",
    "PatchQ",
    "RankStrategy",
    "RendererModule",
    "Sara",
    "ShortHorizon",
    "Trainer",
    "UpdateModule",
    "VaeRendererModule",
]
