"""What `pretrain` and `train` share: fitting, and what a signal or a divergence leaves behind."""

import signal
import sys
from pathlib import Path
from typing import TypeVar

import pytorch_lightning as pl

from lightning_modules.callbacks import Checkpoints, GracefulStop
from lightning_modules.quickening import quicken
from lightning_modules.ranks import largest
from lightning_modules.updates import UpdateModule
from painting.errors import Diverged, Interrupted, UserError

Kind = TypeVar("Kind", bound=pl.Callback)


def find_callback(trainer: pl.Trainer, kind: type[Kind]) -> Kind:
    """The trainer's callback of a kind.

    Raises:
        UserError: It has none: the task can't do without.
    """
    callbacks: list[pl.Callback] = vars(trainer)["callbacks"]
    for callback in callbacks:
        if isinstance(callback, kind):
            return callback
    raise UserError(f"callbacks: none is a {kind.__name__}", "keep it, as in callbacks=default")


def fit(
    module: UpdateModule, trainer: pl.Trainer, datamodule: pl.LightningDataModule | None = None,
    ckpt_path: Path | None = None, compiled: bool | str = "auto",
) -> None:  # fmt: skip
    """Make all of the module's updates, or say why not.

    Args:
        module: What learns.
        trainer: With a `Checkpoints` and a `GracefulStop` among its callbacks.
        datamodule: Its data; None if the module makes its own.
        ckpt_path: Where to go on.
        compiled: See `quicken`.

    Raises:
        UserError: Gradients are to be clipped, which Lightning can't do here.
        Interrupted: A signal stopped the run, which has saved itself.
        Diverged: A loss became NaN or infinite; the last good checkpoint is named.
    """
    if trainer.gradient_clip_val is not None:
        raise UserError(
            f"trainer.gradient_clip_val={trainer.gradient_clip_val}: networks step by themselves "
            "here, and none would be clipped",
            "leave it out, and lower the learning rates if losses explode",
        )
    checkpoints = find_callback(trainer, Checkpoints)
    stop = find_callback(trainer, GracefulStop)
    quicken(module, trainer.strategy.root_device, compiled)
    try:
        trainer.fit(module, datamodule=datamodule, ckpt_path=ckpt_path)
    except Diverged as error:
        raise Diverged(error.what, _advice(module, checkpoints.last)) from error
    # Whichever rank got the signal, all of them have stopped for it. Slurm's warning counts even if
    # all updates are made: measuring may take longer than is left.
    number = largest(stop.signal_number or 0, trainer.strategy.root_device)
    if number and (not module.finished or number == signal.SIGUSR1):
        name = signal.Signals(number).name
        print(f"stopped by {name} after {module.update_count} updates", file=sys.stderr)
        raise Interrupted(number, checkpoints.last, module.update_count)


def _advice(module: UpdateModule, last: Path) -> str:
    """What to do about a divergence: lower rates, also for a run that goes on."""
    lower = f"lower {' or '.join(module.rate_keys) or 'the learning rates'}"
    if not last.exists():
        return lower
    return f"{lower}, and go on by resume={last} may_change=[{','.join(module.rate_keys)}]"
