"""Outcome of a run: status, exit code, the line that says so, and how a sweep learns of it."""

import errno
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from impasto.errors import Diverged, Interrupted, Pruned, UserError, stop_signals
from impasto.launch.advice import in_keys
from impasto.launch.arguments import is_multirun
from impasto.launch.compose import explain


class JobFailed(Exception):
    """A job of a sweep failed and has said why; the other jobs go on.

    Args:
        code: The exit code.
        sweep: The sweep's folder.
    """

    def __init__(self, code: int, sweep: Path) -> None:
        super().__init__(code, sweep)
        self.code = code
        self.sweep = sweep


class Terminated(KeyboardInterrupt):
    """A signal that ends the run, raised where Ctrl-C would be.

    Args:
        number: Which one.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(number)
        self.number = number


class WorkerDied(RuntimeError):
    """The process of a job ended without a result."""


USER_ERROR = 2
_BUG = 1
_FIRST_SIGNAL = 128
_CANNOT_WRITE = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENAMETOOLONG,
)
_LOST_READER = "DataLoader worker"


@dataclass(frozen=True)
class Outcome:
    """Status, exit code and results with which a run ended.

    Attributes:
        status: `finished`, `untrained`, `stopped`, `tried`, `interrupted`, `pruned`, `diverged` or
            `failed`.
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
    """Turn the exception that ended a run into its outcome."""
    interruption = error
    if isinstance(error, SystemExit) and isinstance(error.__context__, KeyboardInterrupt):
        interruption = error.__context__  # Lightning's trainer turns Ctrl-C into an exit
    # Lightning's own exit on SIGTERM is known by name, so that knowing it loads no Lightning.
    if type(error).__name__ == "SIGTERMException":
        interruption = Terminated()
    if isinstance(interruption, KeyboardInterrupt):
        number = interruption.number if isinstance(interruption, Terminated) else signal.SIGINT
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
        return Outcome(status, USER_ERROR, f"error: {in_keys(str(error))}", error=error)
    complaint = _of_the_system(error)
    if complaint is not None:
        return Outcome(status, USER_ERROR, f"error: {complaint}", error=error)
    return Outcome(status, _BUG, error=error)


def _of_the_system(error: BaseException) -> UserError | None:
    """Turn a failure of the system into an error that says what to do; None if it is a bug."""
    last = str(error).strip().rpartition("\n")[2]  # of an error in a worker, which quotes it
    if isinstance(error, OSError) and error.errno in _CANNOT_WRITE:
        what = f"can't write {error.filename or 'a file'}: {error.strerror}"
        return UserError(what, "choose another folder by hydra.run.dir=FOLDER, or make room")
    if isinstance(error, FileNotFoundError):
        gone = error.filename or last
        return UserError(f"a file is gone: {gone}", "put it back, and go on with resume=auto")
    if isinstance(error, RuntimeError) and str(error).startswith(_LOST_READER):
        what = f"a process that reads data was killed ({last.rstrip('. ')})"
        todo = (
            "most often memory was short: lower data.num_workers or batch_size, and go on with "
            "resume=auto"
        )
        return UserError(what, todo)
    return None


@contextmanager
def terminable() -> Iterator[None]:
    """Raise `Terminated` on `stop_signals`, so that the run ends in order."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers; a launcher's worker is stopped by its pool
        return

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated(number)

    before = {number: signal.signal(number, terminate) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let the signals that end a run wait while the context is open.

    Not by blocking them, which holds for one thread only: Python would hear of them by another.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda sent, frame: came.append(sent))
        for number in (signal.SIGINT, *stop_signals())
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for sent in came:
            signal.raise_signal(sent)


def outcome_before_job(error: BaseException, conf: Path, overrides: Sequence[str]) -> Outcome:
    """Turn the exception that ended a run before its task began into its outcome.

    Args:
        error: The exception.
        conf: The config folder.
        overrides: The overrides in Hydra's notation.
    """
    if isinstance(error, UserError):
        return outcome_of(error)
    if isinstance(error, KeyboardInterrupt) and not is_multirun(overrides):
        return replace(outcome_of(error), message="interrupted before a run began")
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
