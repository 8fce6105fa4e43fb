"""What `pretrain` and `train` share: fitting, and what a signal or a divergence leaves behind."""

import signal
import sys
from pathlib import Path

import pytorch_lightning as pl

from lightning_modules.callbacks import Checkpoints, GracefulStop
from lightning_modules.updates import UpdateModule
from painting.errors import Diverged, Interrupted


def fit(
    module: UpdateModule, trainer: pl.Trainer, datamodule: pl.LightningDataModule | None = None,
    ckpt_path: Path | None = None,
) -> None:  # fmt: skip
    """Make all of the module's updates, or say why not.

    Args:
        module: What learns.
        trainer: With a `Checkpoints` and a `GracefulStop` among its callbacks.
        datamodule: Its data; None if the module makes its own.
        ckpt_path: Where to go on.

    Raises:
        Interrupted: A signal stopped the run, which has saved itself.
        Diverged: A loss became NaN or infinite; the last good checkpoint is named.
    """
    checkpoints = next(c for c in trainer.callbacks if isinstance(c, Checkpoints))
    stop = next(c for c in trainer.callbacks if isinstance(c, GracefulStop))
    try:
        trainer.fit(module, datamodule=datamodule, ckpt_path=ckpt_path)
    except Diverged as error:
        kept = checkpoints.last if checkpoints.last.exists() else None
        todo = f"lower the learning rates and resume={kept}" if kept else "lower the learning rates"
        raise Diverged(error.what, todo) from error
    if stop.signal_number is not None and not module.finished:
        name = signal.Signals(stop.signal_number).name
        print(f"stopped by {name} after {module.update_count} updates", file=sys.stderr)
        raise Interrupted(stop.signal_number, checkpoints.last)
