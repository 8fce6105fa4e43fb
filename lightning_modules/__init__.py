"""What learns, as LightningModules: the renderer's pretraining and the painting agents."""

from lightning_modules.checkpoint_io import AtomicCheckpointIO
from lightning_modules.model_based_ddpg import ModelBasedDDPG
from lightning_modules.painting_agent import PaintingAgent
from lightning_modules.renderer_module import RendererModule
from lightning_modules.updates import UpdateModule

__all__ = [
    "AtomicCheckpointIO", "ModelBasedDDPG", "PaintingAgent", "RendererModule", "UpdateModule",
]  # fmt: skip
