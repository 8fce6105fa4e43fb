"""Checkpoints whose cadence counts updates."""

from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn

from lightning_modules.updates import UpdateModule


class Checkpoints(pl.Callback):
    """Keeps ``last.ckpt`` and the best by validation, ``best.ckpt``.

    Lightning's own ModelCheckpoint counts optimizer steps, of which an update has three. Files are
    written by the trainer's checkpoint plugin, to a temporary name first.

    Args:
        folder: Where they lie.
        every: Updates between two of ``last.ckpt``; one is also written at the end and when the
            run is interrupted, none when a loss diverges.
        monitor: The validation figure, lower is better; None keeps no best one.
    """

    def __init__(self, folder: str | Path, every: int = 1000, monitor: str | None = None) -> None:
        self.last = Path(folder) / "last.ckpt"
        self.best = Path(folder) / "best.ckpt"
        self.every = every
        self.monitor = monitor
        self.best_value = float("inf")
        self._saved_at = 0

    def state_dict(self) -> dict[str, float]:
        """The best value so far."""
        return {"best_value": self.best_value}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        """Take the best value back."""
        self.best_value = state_dict["best_value"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A resumed run saves again `every` updates from where it goes on.

        If it goes on in another folder, the best one so far lies elsewhere: this folder gets a best
        one of its own.
        """
        assert isinstance(pl_module, UpdateModule)
        if not self.best.exists():
            self.best_value = float("inf")
        self._saved_at = pl_module.update_count

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: object
    ) -> None:
        """Save when due."""
        assert isinstance(pl_module, UpdateModule)
        if pl_module.update_count - self._saved_at >= self.every:
            self._save_last(trainer, pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the best; and the last again if it was saved just before this validation.

        A run that goes on from there does not validate again, and would miss what was measured.
        """
        assert isinstance(pl_module, UpdateModule)
        # Where a stop brought a validation about, a run that was not stopped would have had none.
        counts = pl_module.validation_is_due or trainer.state.fn != TrainerFn.FITTING
        if counts and self.monitor is not None and self.monitor in trainer.callback_metrics:
            value = trainer.callback_metrics[self.monitor].item()
            if value < self.best_value:
                self.best_value = value
                trainer.save_checkpoint(self.best)
        if trainer.state.fn == TrainerFn.FITTING and self._saved_at == pl_module.update_count:
            self._save_last(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save where the run stopped; also where a signal stopped it."""
        assert isinstance(pl_module, UpdateModule)
        self._save_last(trainer, pl_module)

    def _save_last(self, trainer: pl.Trainer, module: UpdateModule) -> None:
        trainer.save_checkpoint(self.last)
        self._saved_at = module.update_count
