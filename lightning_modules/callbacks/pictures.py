"""Pictures of how the agent paints, while it learns."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger

from lightning_modules.painting_agent import PaintingAgent
from painting.canvas import to_float
from painting.drawing import draw
from painting.figures import contact_sheet, save_sheet


class Pictures(pl.Callback):
    """After each validation: targets above paintings, into TensorBoard and ``validation.png``.

    Args:
        folder: The run folder.
        count: How many pictures, the first of the validation split.
    """

    def __init__(self, folder: str | Path, count: int = 12) -> None:
        self.folder = Path(folder)
        self.count = count
        self._target: torch.Tensor | None = None

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any,
        batch_idx: int, dataloader_idx: int = 0,
    ) -> None:  # fmt: skip
        """Keep the first targets."""
        if isinstance(pl_module, PaintingAgent) and self._target is None:
            self._target = to_float(batch["target"][: self.count])

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Paint them."""
        if not isinstance(pl_module, PaintingAgent) or self._target is None:
            return
        if not trainer.is_global_zero:
            return
        target = self._target.to(pl_module.device)
        strokes, _ = pl_module.policy.paint(target)
        height, width = target.shape[2:]
        background = pl_module.environment.background
        canvas = draw(pl_module.renderer.stroke, strokes, height, width, background)
        save_sheet(self.folder / "validation.png", target, canvas, columns=self.count)
        sheet = contact_sheet(target, canvas, columns=self.count)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(
                    "paintings", sheet, pl_module.update_count, dataformats="HWC"
                )
