"""Pictures of a module's outputs while it learns."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from impasto.bounds import Count, validated
from impasto.io.figures import contact_sheet, save_sheet
from lightning_modules.base import UpdateModule, leaves_nothing


@validated
class Pictures(pl.Callback):
    """Draws targets above outputs after each validation, for TensorBoard and to a file.

    Args:
        folder: The run folder, which gets ``validation.png``.
        count: How many pictures, the first of the validation split.
    """

    def __init__(self, folder: str | Path, count: Count = 12) -> None:
        self.folder = Path(folder)
        self.count = count
        self._pictures: tuple[Tensor, Tensor] | None = None

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Make the pictures of the first batch."""
        if batch_idx == 0 and trainer.is_global_zero and isinstance(pl_module, UpdateModule):
            self._pictures = pl_module.pictures(batch, self.count)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the pictures."""
        if self._pictures is None or leaves_nothing(trainer):
            return
        assert isinstance(pl_module, UpdateModule)
        targets, outputs = self._pictures
        self._pictures = None
        save_sheet(self.folder / "validation.png", targets, outputs, columns=self.count)
        sheet = contact_sheet(targets, outputs, columns=self.count)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(
                    "paintings", sheet, pl_module.update_count, dataformats="HWC"
                )
