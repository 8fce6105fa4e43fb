"""The progress bar: updates, updates per second, L2."""

import sys
from typing import Any

import pytorch_lightning as pl
from tqdm import tqdm

from impasto.bounds import Count, validated
from lightning_modules.base import Metrics, UpdateModule


@validated
class Progress(pl.Callback):
    """Progress bar over the run's updates, with the newest validation metrics beside the rate.

    Args:
        every: Updates between two refreshes of the metrics.
    """

    def __init__(self, every: Count = 20) -> None:
        self.every = every
        self._bar: Any = None
        self._measured: dict[str, str] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar where the run goes on."""
        assert isinstance(pl_module, UpdateModule)
        if not trainer.is_global_zero:
            return
        self._bar = tqdm(
            total=pl_module.updates,
            initial=min(pl_module.update_count, pl_module.updates),
            unit="update",
            dynamic_ncols=True,
            file=sys.stderr,
            mininterval=0.5,
        )
        pl_module.update_hooks.append(self._advance)

    def _advance(self, update: int, metrics: Metrics) -> None:
        self._bar.update()
        if update % self.every == 0:
            shown = {name: f"{value.item():.3g}" for name, value in metrics.items()}
            self._bar.set_postfix(self._measured | shown, refresh=False)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the validation metrics."""
        self._measured = {
            name: f"{value.item():.5f}"
            for name, value in trainer.callback_metrics.items()
            if name.startswith("val_")
        }

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar."""
        self._close()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Close the bar."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
