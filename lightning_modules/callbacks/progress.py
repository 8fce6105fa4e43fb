"""Progress bar of a run."""

from contextlib import suppress
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import TQDMProgressBar
from pytorch_lightning.callbacks.progress.tqdm_progress import Tqdm

from lightning_modules.base import UpdateModule


class Progress(TQDMProgressBar):
    """Lightning's bar over the updates, from where a resumed run goes on; validations show none."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar."""
        assert isinstance(pl_module, UpdateModule)
        super().on_train_start(trainer, pl_module)
        bar = self.train_progress_bar
        bar.unit = "update"
        bar.total, bar.n = pl_module.updates, min(pl_module.update_count, pl_module.updates)
        bar.initial = bar.n
        bar.set_description("learning")

    def on_train_epoch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Keep the bar: its length is the run's, not an epoch's."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        """Advance the bar by an update."""
        assert isinstance(pl_module, UpdateModule)
        if pl_module.update_count % self.refresh_rate == 0 or pl_module.finished:
            self.train_progress_bar.set_postfix(self.get_metrics(trainer, pl_module), refresh=False)
            self.train_progress_bar.update(pl_module.update_count - self.train_progress_bar.n)

    def on_train_epoch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Keep the bar."""

    def on_train_end(self, *_: Any) -> None:
        """Close the bar."""
        self.train_progress_bar.close()

    def on_exception(self, *_: Any) -> None:
        """Close the bar where a run ends otherwise."""
        with suppress(TypeError):  # by which Lightning says that there is none yet
            self.train_progress_bar.close()

    def init_sanity_tqdm(self) -> Tqdm:
        """Return a bar that shows nothing."""
        return Tqdm(disable=True)

    init_validation_tqdm = init_sanity_tqdm

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """Return the newest metrics that the host knows, without a version number."""
        assert isinstance(pl_module, UpdateModule)
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics | pl_module.figures
