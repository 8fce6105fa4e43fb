"""How a run ends: its status, its exit code, and the line that says so."""

import errno
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.impasto._failures import JobFailed, Terminated
from hydra_plugins.impasto.composing import explain
from painting.errors import Diverged, Interrupted, Pruned, UserError

__all__ = ["JobFailed", "Outcome", "Terminated", "outcome_before_job", "outcome_of", "terminable"]

USER_ERROR = 2
_BUG = 1
_FIRST_SIGNAL = 128
_CANNOT_WRITE = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENAMETOOLONG,
)


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        status: `finished`, `untrained`, `interrupted`, `pruned`, `diverged` or `failed`.
        code: The exit code: 0, 1 for a fault of the program, 2 for one of the user, 128 + signal.
        message: One line for the user; empty where a traceback has to say it.
        result: What the task returned.
        checkpoint: What an interrupted run can go on from.
        error: What was raised.
    """

    status: str
    code: int = 0
    message: str = ""
    result: Mapping[str, object] = field(default_factory=dict)
    checkpoint: str | None = None
    error: BaseException | None = None


def outcome_of(error: BaseException) -> Outcome:
    """What an exception makes of the run."""
    interruption = error
    if isinstance(error, SystemExit) and isinstance(error.__context__, KeyboardInterrupt):
        interruption = error.__context__  # Lightning's trainer turns Ctrl-C into an exit
    # Lightning's own exit on SIGTERM is known by name, so that knowing it loads no Lightning.
    if type(error).__name__ == "SIGTERMException":
        interruption = Terminated()
    if isinstance(interruption, KeyboardInterrupt):
        number = signal.SIGTERM if isinstance(interruption, Terminated) else signal.SIGINT
        return Outcome("interrupted", _FIRST_SIGNAL + number, "interrupted", error=error)
    if isinstance(error, Interrupted):
        checkpoint = str(error.checkpoint) if error.checkpoint else None
        code = _FIRST_SIGNAL + error.signal_number
        made = {"updates": error.updates}
        return Outcome("interrupted", code, "interrupted", made, checkpoint, error)
    if isinstance(error, Pruned):
        return Outcome("pruned", result={"updates": error.updates})
    status = "diverged" if isinstance(error, Diverged) else "failed"
    if isinstance(error, UserError):
        return Outcome(status, USER_ERROR, f"error: {error}", error=error)
    if isinstance(error, OSError) and error.errno in _CANNOT_WRITE:
        what = f"can't write {error.filename or 'a file'}: {error.strerror}"
        line = f"error: {what} — choose another folder by hydra.run.dir=FOLDER, or make room"
        return Outcome(status, USER_ERROR, line, error=error)
    return Outcome(status, _BUG, error=error)


@contextmanager
def terminable() -> Iterator[None]:
    """Raise `Terminated` on SIGTERM while the context is open, so that the run ends in order."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers; a launcher's worker is stopped by its pool
        return

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def outcome_before_job(error: BaseException, conf: Path, overrides: Sequence[str]) -> Outcome:
    """What an exception makes of a run whose task had not begun.

    Args:
        error: The exception.
        conf: The config folder.
        overrides: The overrides in Hydra's notation.
    """
    if isinstance(error, UserError):
        return outcome_of(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        complaint = explain(error, conf, overrides)
        complaint.__cause__ = error
        return outcome_of(complaint)
    cause: BaseException | None = error  # the log's file handler wraps what the system says
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__
    if cause is not None:
        what = f"can't write the run folder ({cause.filename}): {cause.strerror}"
        return outcome_of(UserError(what, "choose another one by hydra.run.dir=FOLDER"))
    return outcome_of(error)
