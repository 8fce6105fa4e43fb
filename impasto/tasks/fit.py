"""Fitting, as `pretrain` and `train` share it: until all updates are made, or a reason not to."""

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from traceback import format_exception
from typing import TypeVar

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Timer
from pytorch_lightning.trainer.states import RunningStage

from impasto.errors import Diverged, Interrupted, UserError
from impasto.io.figures import save_curves
from lightning_modules.acceleration import quicken
from lightning_modules.base import UpdateModule, leaves_nothing
from lightning_modules.callbacks import Checkpoints, MetricsCsv

Kind = TypeVar("Kind", bound=pl.Callback)

FINISHED, STOPPED, TRIED = "finished", "stopped", "tried"


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


def save_history(path: Path, trainer: pl.Trainer, columns: Mapping[str, str], what: str) -> None:
    """Draw columns of metrics.csv by update, on a logarithmic scale, as PNG.

    Args:
        path: The file.
        trainer: With a `MetricsCsv` among its callbacks.
        columns: By what the curves are called.
        what: Stands beside the axis.
    """
    rows = find_callback(trainer, MetricsCsv).rows
    nan = float("nan")
    curves = {name: [row.get(column, nan) for row in rows] for name, column in columns.items()}
    save_curves(path, [row["update"] for row in rows], curves, "update", what, log=True)


def fit(
    module: UpdateModule,
    trainer: pl.Trainer,
    datamodule: pl.LightningDataModule | None = None,
    ckpt_path: Path | None = None,
    compiled: bool | str = "auto",
) -> str:
    """Make the module's updates, and say how the run ended.

    Args:
        module: What learns.
        trainer: With a `Checkpoints` among its callbacks.
        datamodule: Its data; None if the module makes its own.
        ckpt_path: Where to go on.
        compiled: See `quicken`.

    Returns:
        `FINISHED` after all updates; `STOPPED` where a callback such as EarlyStopping saw no use
        in more; `TRIED` after a `fast_dev_run`.

    Raises:
        Interrupted: A signal stopped the run, which has saved itself; or it came to an end that the
            trainer was given: time, epochs, batches.
        Diverged: A loss became NaN or infinite; the last good checkpoint is named.
    """
    checkpoints = find_callback(trainer, Checkpoints)
    _let_no_stop_iteration_pass(trainer)
    quicken(module, trainer.strategy.root_device, compiled)
    try:
        trainer.fit(module, datamodule=datamodule, ckpt_path=ckpt_path)
    except Diverged as error:
        raise Diverged(error.what, _advice(module, checkpoints.last)) from error
    except Interrupted as error:
        name = signal.Signals(error.signal_number).name
        print(f"stopped by {name} after {module.update_count} updates", file=sys.stderr)
        raise
    if leaves_nothing(trainer):
        return TRIED
    if module.finished:
        return FINISHED
    made = f"{module.update_count} of {module.updates} updates"
    if trainer.should_stop and not _time_is_up(trainer):
        print(f"stopped by a callback after {made}", file=sys.stderr)
        return STOPPED
    print(f"stopped by the trainer's settings after {made}", file=sys.stderr)
    saved = checkpoints.last if checkpoints.last.exists() else None
    raise Interrupted(signal.SIGINT, saved, module.update_count)


def _time_is_up(trainer: pl.Trainer) -> bool:
    timers = [one for one in vars(trainer)["callbacks"] if isinstance(one, Timer)]
    left = [one.time_remaining(RunningStage.TRAINING) for one in timers]
    return any(seconds is not None and seconds <= 0 for seconds in left)


def _let_no_stop_iteration_pass(trainer: pl.Trainer) -> None:
    """Make a callback's StopIteration an error, as Lightning's loop takes it for the data's end.

    All of a callback's methods are called inside of what the profiler's `profile` returns.
    """
    profile = trainer.profiler.profile  # type: ignore[attr-defined]

    @contextmanager
    def strict(name: str) -> Iterator[None]:
        try:
            with profile(name):
                yield
        except StopIteration as error:
            if not name.startswith("[Callback]"):
                raise
            # Not `from error`: contextlib would take it for the error itself, and hand that on.
            text = "".join(format_exception(error))
            raise RuntimeError(f"{name} raised StopIteration:\n{text}") from None

    trainer.profiler.profile = strict  # type: ignore[attr-defined]


def _advice(module: UpdateModule, last: Path) -> str:
    """Advise what to do about a divergence: lower rates, also for a run that goes on."""
    lower = f"lower {' or '.join(module.rate_keys) or 'the learning rates'}"
    if not last.exists():
        return lower
    return f"{lower}, and go on by resume={last} may_change=[{','.join(module.rate_keys)}]"
