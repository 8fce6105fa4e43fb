"""Fitting, as `pretrain` and `train` share it: with a checkpoint after a signal or a divergence."""

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from traceback import format_exception
from typing import NoReturn, TypeVar

import pytorch_lightning as pl

from impasto.errors import Diverged, Interrupted, UserError
from impasto.io.figures import save_curves
from lightning_modules.acceleration import quicken
from lightning_modules.base import UpdateModule
from lightning_modules.callbacks import Checkpoints, GracefulStop, MetricsCsv
from lightning_modules.distributed import gather

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
) -> None:
    """Make all of the module's updates, or raise the reason.

    Args:
        module: What learns.
        trainer: With a `Checkpoints` and a `GracefulStop` among its callbacks.
        datamodule: Its data; None if the module makes its own.
        ckpt_path: Where to go on.
        compiled: See `quicken`.

    Raises:
        Interrupted: A signal stopped the run, which has saved itself; or something else has, by
            the trainer's `should_stop`.
        RuntimeError: The trainer came back with fewer updates, and nobody had asked it to.
        Diverged: A loss became NaN or infinite; the last good checkpoint is named.
    """
    checkpoints = find_callback(trainer, Checkpoints)
    stop = find_callback(trainer, GracefulStop)
    _let_no_stop_iteration_pass(trainer)
    quicken(module, trainer.strategy.root_device, compiled)
    try:
        trainer.fit(module, datamodule=datamodule, ckpt_path=ckpt_path)
    except Diverged as error:
        raise Diverged(error.what, _advice(module, checkpoints.last)) from error
    # Whichever rank got the signal, all of them have stopped for it. Slurm's warning counts even if
    # all updates are made: measuring may take longer than is left.
    number = max(gather(stop.signal_number or 0))
    if number and (not module.finished or number == signal.SIGUSR1):
        name = signal.Signals(number).name
        print(f"stopped by {name} after {module.update_count} updates", file=sys.stderr)
        raise Interrupted(number, checkpoints.last, module.update_count)
    if not module.finished:
        _refuse_to_finish(module, trainer, checkpoints.last)


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


def _refuse_to_finish(module: UpdateModule, trainer: pl.Trainer, last: Path) -> NoReturn:
    """Raise an error for a run that ended before its updates, so that nothing is exported."""
    made = f"{module.update_count} of {module.updates} updates"
    if trainer.should_stop:  # which a callback may set, as Lightning's documentation has it
        print(f"stopped by a callback after {made}", file=sys.stderr)
        raise Interrupted(signal.SIGINT, last, module.update_count)
    raise RuntimeError(
        f"training ended after {made}, and nothing had asked it to; Lightning's own log may say why"
    )


def _advice(module: UpdateModule, last: Path) -> str:
    """Advise what to do about a divergence: lower rates, also for a run that goes on."""
    lower = f"lower {' or '.join(module.rate_keys) or 'the learning rates'}"
    if not last.exists():
        return lower
    return f"{lower}, and go on by resume={last} may_change=[{','.join(module.rate_keys)}]"
