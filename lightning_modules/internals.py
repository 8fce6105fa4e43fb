"""Private members of Lightning that this project uses, in one place, each with the reason."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.overrides.distributed import _sync_module_states
from pytorch_lightning.plugins.layer_sync import LayerSync
from pytorch_lightning.strategies import ParallelStrategy
from torch import nn


def set_logged_step(trainer: pl.Trainer, step: int) -> None:
    """Let loggers count updates.

    Lightning counts batches that stepped, and loses one where a run that has made all its updates
    goes on with more; `self.log("step", ...)` would change what a value is logged under, but not
    when one is.
    """
    trainer.fit_loop.epoch_loop._batches_that_stepped = step


def lengthen_epoch(checkpoint: dict[str, Any]) -> None:
    """Let a run go on from the checkpoint of a shorter one.

    Lightning would take that one's last batch for the last, and begin another epoch.
    """
    checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["is_last_batch"] = False


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


def sync_layers_by(strategy: ParallelStrategy, layer_sync: LayerSync) -> None:
    """Replace torch's synchronized batch normalization, where it is asked for: it needs GPUs.

    As a plugin it could be given instead of `sync_batchnorm=true`, but not for it.
    """
    if strategy._layer_sync is not None:
        strategy._layer_sync = layer_sync


def make_equal(module: nn.Module) -> None:
    """Give every rank rank 0's parameters and buffers.

    Lightning has no other function for it, and torch's own is private, too: DistributedDataParallel
    does it, in which no module is wrapped here.
    """
    _sync_module_states(module)
