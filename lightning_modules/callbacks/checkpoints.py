"""Checkpoints whose cadence counts updates."""

import signal
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.trainer.states import TrainerFn

from impasto.bounds import Count, validated
from impasto.errors import Interrupted
from impasto.io.files import read_yaml
from impasto.persistence.atomic import remove_leftovers
from impasto.persistence.checkpoints import BEST, LAST, PREVIOUS, is_whole
from impasto.persistence.manifest import (
    Broken,
    Manifest,
    check_size,
    read_manifest,
    verify,
    versions,
)
from lightning_modules.base import UpdateModule, leaves_nothing
from lightning_modules.checkpoint_io import SaveOptions
from lightning_modules.distributed import gather
from lightning_modules.internals import stops_early

_REPLAYS = "replay-*.safetensors"


@validated
class Checkpoints(Checkpoint):
    """Keeps ``last.ckpt``, ``previous.ckpt`` before it, and the best by validation, ``best.ckpt``.

    Files are written by the trainer's checkpoint plugin, to a temporary name first; a module's
    replay is written to a file beside them, before the checkpoint that names it, which Lightning's
    ModelCheckpoint can't do. The best one has no replay. A run that a signal asks to stop ends
    here, once it is saved.

    Args:
        folder: Where they lie.
        every: Updates between two of ``last.ckpt``; one is also written at the end and when the
            run is interrupted, none when a loss diverges.
        monitor: The validation metric, lower is better; None keeps no best one.
        config: A YAML file with the run's composed config, to be kept in every checkpoint; it need
            not exist.
    """

    def __init__(
        self,
        folder: str | Path,
        every: Count = 1000,
        monitor: str | None = None,
        config: str | Path | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.last = self.folder / LAST
        self.previous = self.folder / PREVIOUS
        self.best = self.folder / BEST
        self.every = every
        self.monitor = monitor
        self.best_value = float("inf")
        self._config_file = None if config is None else Path(config)
        self._config: dict[str, Any] | None = None
        self._saved_at = 0
        self._last_update: int | None = None  # of a whole `last` that this run comes from
        self._previous_is_ours = False

    def state_dict(self) -> dict[str, float]:
        """Return the best value so far."""
        return {"best_value": self.best_value}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        """Load the best value."""
        self.best_value = state_dict["best_value"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Prepare the folder; a resumed run saves again `every` updates from where it goes on.

        If it goes on in another folder, the best one so far lies elsewhere: this folder gets a best
        one of its own. So it does if the best one was damaged.

        Raises:
            UserError: The config is too large to be kept.
        """
        assert isinstance(pl_module, UpdateModule)
        if not trainer.strategy.broadcast(is_whole(self.best)):  # all ranks decide alike
            self.best_value = float("inf")
        self._saved_at = pl_module.update_count
        if not trainer.is_global_zero:
            return
        if self._config_file is not None and self._config_file.exists():
            self._config = read_yaml(self._config_file)
        check_size(Manifest(0, self._config, versions()), self.last, trainer.world_size)
        remove_leftovers(self.folder)
        self._find_previous(trainer)

    def _find_previous(self, trainer: pl.Trainer) -> None:
        """Find the checkpoint that the first one of this process may turn into the previous one.

        The last one becomes the previous one only if this run comes from it or from one beside it,
        and if it is whole: a damaged one must not take the place of the good one before it.
        """
        source = None if trainer.ckpt_path is None else Path(trainer.ckpt_path)
        here = source is not None and source.parent.resolve() == self.folder.resolve()
        self._previous_is_ours = here
        try:
            self._last_update = verify(self.last).update if here else None
        except Broken:
            self._last_update = None

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save if it is time and no validation comes first, which a run that goes on would skip.

        Raises:
            Interrupted: A signal asked the run to stop.
        """
        assert isinstance(pl_module, UpdateModule)
        interval = trainer.val_check_batch
        due = interval is not None and pl_module.update_count % interval == 0
        if not (trainer.enable_validation and (due or stops_early(trainer))):
            self._save_if_due(trainer, pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the best, and then what waited for this validation.

        Raises:
            Interrupted: See `on_train_batch_end`.
        """
        assert isinstance(pl_module, UpdateModule)
        if trainer.sanity_checking:
            return
        if self.monitor is not None and self.monitor in trainer.callback_metrics:
            value = trainer.callback_metrics[self.monitor].item()
            if value < self.best_value and not leaves_nothing(trainer):
                self.best_value = value
                trainer.save_checkpoint(self.best, storage_options=SaveOptions(self._config))
        if trainer.state.fn == TrainerFn.FITTING:
            self._save_if_due(trainer, pl_module)

    def _save_if_due(self, trainer: pl.Trainer, module: UpdateModule) -> None:
        """Save at the end, at a stop, and every so many updates; then stop if asked to."""
        due = module.update_count - self._saved_at >= self.every
        ends = module.finished or module.stops or stops_early(trainer) or _is_at_its_end(trainer)
        if (due or ends) and not leaves_nothing(trainer):
            self._save_last(trainer, module)
        if not module.stops:
            return
        # Slurm's warning counts even if all updates are made: measuring may take longer than is
        # left. Whichever rank got the signal, all of them stop for it.
        number = max(gather(module.stop_requested))
        if not module.finished or number == signal.SIGUSR1:
            raise Interrupted(number, self.last, module.update_count)

    def _save_last(self, trainer: pl.Trainer, module: UpdateModule) -> None:
        """Write replays, then the checkpoint that names them, then remove what none names.

        A kill before the checkpoint has its name leaves replays that nothing names yet, one after
        it those that nothing names any more; the next checkpoint removes both. One at the same
        update overwrites the last, so that the previous one stays an earlier one.
        """
        replays = gather(module.save_replay(self.folder))
        named = [replay for replay in replays if replay is not None] or None
        pushes = self._last_update not in (None, module.update_count)
        options = SaveOptions(self._config, named, self.previous if pushes else None)
        trainer.save_checkpoint(self.last, storage_options=options)
        self._saved_at = module.update_count
        if trainer.is_global_zero:
            self._last_update = module.update_count
            self._tidy()
        trainer.strategy.barrier()  # no process writes its next replay while old ones are removed

    def _tidy(self) -> None:
        """Remove what another run left under these names, and replays that no checkpoint names."""
        if not self._previous_is_ours:
            self.previous.unlink(missing_ok=True)
        self._previous_is_ours = True
        named: set[str] = set()
        for path in (self.last, self.previous):
            try:
                named |= {entry["file"] for entry in read_manifest(path).replay or ()}
            except Broken:  # missing, or damaged, and its replay of no use
                continue
        for file in self.folder.glob(_REPLAYS):
            if file.name not in named:
                file.unlink()


def _is_at_its_end(trainer: pl.Trainer) -> bool:
    """Return True after the last batch or step that the trainer was given."""
    epochs, steps = trainer.max_epochs, trainer.max_steps
    if trainer.is_last_batch and epochs not in (None, -1) and trainer.current_epoch + 1 >= epochs:
        return True
    return 0 <= steps <= trainer.global_step
