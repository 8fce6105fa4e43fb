"""Pruning of a search's unpromising trials while they run."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn

from impasto.errors import Pruned, UserError
from lightning_modules.base import UpdateModule

if TYPE_CHECKING:
    from optuna.trial import Trial


class Pruning(pl.Callback):
    """Reports every validation to the study, and ends the run when the study's pruner says so.

    Args:
        study: The study's name.
        storage: Its URL, as Optuna has it.
        trial: The trial's number.
        monitor: The validation metric, lower is better.
        pruner: One of ``optuna.pruners`` as ``name``, with its options beside.
    """

    def __init__(
        self, study: str, storage: str, trial: int, monitor: str, pruner: Mapping[str, Any]
    ) -> None:
        self.study = study
        self.storage = storage
        self.trial = trial
        self.monitor = monitor
        self.pruner = dict(pruner)
        self._reported: Trial | None = None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the metric to the study, and end the run if its pruner says so.

        Raises:
            Pruned: The pruner gives the trial up.
            UserError: The validation has no such metric.
        """
        assert isinstance(pl_module, UpdateModule)
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return
        if self.monitor not in trainer.callback_metrics:
            known = ", ".join(sorted(map(str, trainer.callback_metrics)))
            what = f"`monitor`: a validation has no {self.monitor}"
            raise UserError(what, f"choose from {known}")
        value = trainer.callback_metrics[self.monitor].item()
        gives_up = trainer.is_global_zero and self._gives_up(value, pl_module.update_count)
        # One process asks; all of a run have to end with it.
        if trainer.strategy.broadcast(gives_up):
            raise Pruned(pl_module.update_count, value)

    def _gives_up(self, value: float, update: int) -> bool:
        trial = self._trial()
        trial.report(value, update)
        return trial.should_prune()

    def _trial(self) -> "Trial":
        if self._reported is None:
            import optuna

            options = {name: value for name, value in self.pruner.items() if name != "name"}
            study = optuna.load_study(
                study_name=self.study,
                storage=self.storage,
                pruner=getattr(optuna.pruners, self.pruner["name"])(**options),
            )
            number = next(one._trial_id for one in study.trials if one.number == self.trial)
            self._reported = optuna.trial.Trial(study, number)
        return self._reported
