"""What this project uses of Lightning that is private there, in one place, each with the reason."""

import pytorch_lightning as pl
from pytorch_lightning.overrides.distributed import _sync_module_states
from torch import nn


def set_logged_step(trainer: pl.Trainer, step: int) -> None:
    """Let loggers count updates.

    Lightning counts batches that stepped, and loses one where a run that has made all its updates
    goes on with more; `self.log("step", ...)` would change what a value is logged under, but not
    when one is.
    """
    trainer.fit_loop.epoch_loop._batches_that_stepped = step


def stops_early(trainer: pl.Trainer) -> bool:
    """Return True if Lightning heeds `should_stop`: it validates, and then ends.

    It does not before `min_epochs` and `min_steps`, and says so nowhere else.
    """
    return trainer.should_stop and trainer.fit_loop._can_stop_early


def keep_signals(trainer: pl.Trainer) -> None:
    """Let Lightning install no handlers of signals.

    That of SIGTERM sends from whatever point it finds this rank at, and waits there for the others.
    A stop is agreed on between updates: see `UpdateModule.stops`.
    """
    vars(trainer)["_signal_connector"].register_signal_handlers = lambda: None


def make_equal(module: nn.Module) -> None:
    """Give every rank rank 0's parameters and buffers.

    Lightning has no other function for it, and torch's own is private, too: DistributedDataParallel
    does it, in which no module is wrapped here.
    """
    _sync_module_states(module)
