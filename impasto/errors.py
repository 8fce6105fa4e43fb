"""Errors of the user, as exceptions that say what to do; interruption, and its signals."""

import json
import os
import re
import reprlib
import signal
from pathlib import Path

_BACKTRACE = re.compile(r"\s*Exception raised from .*", re.DOTALL)  # of torch's C++
_SHORTENED = reprlib.Repr()
_SHORTENED.maxstring = _SHORTENED.maxother = _SHORTENED.maxlong = 40


class UserError(ValueError):
    """A mistake that the user can mend.

    Its text is one line, ``<what is wrong, with the file or key> — <what to do>``; the entry point
    prints it without a traceback and exits with code 2.

    Args:
        what: What is wrong, naming the file or the key.
        todo: What to do about it, in the imperative.
    """

    def __init__(self, what: str, todo: str) -> None:
        self.what, self.todo = map(_one_line, (what, todo))
        super().__init__(f"{self.what} — {self.todo}")

    def __reduce__(self) -> tuple[type["UserError"], tuple[str, str]]:
        """Pickle by both arguments, so that a worker process can pass the error on."""
        return type(self), (self.what, self.todo)


class Diverged(UserError):
    """A loss became NaN or infinite; the last good checkpoint is kept and named."""


class Unwritable(UserError):
    """A file of the run can't be written: the disk is full, or read-only."""


class Interrupted(RuntimeError):
    """A signal asked the run to stop; it has stopped between two updates and saved itself.

    Args:
        signal_number: Which signal, as in `signal.Signals`.
        checkpoint: Where the run can be resumed from; None if nothing was saved.
        updates: How many updates were made.
    """

    def __init__(self, signal_number: int, checkpoint: Path | None, updates: int = 0) -> None:
        super().__init__(f"interrupted by signal {signal_number}")
        self.signal_number = signal_number
        self.checkpoint = checkpoint
        self.updates = updates


class Pruned(RuntimeError):
    """A search has given its trial up; the run has stopped between two updates.

    Args:
        updates: How many updates were made.
        value: The validation metric that it was judged by.
    """

    def __init__(self, updates: int, value: float) -> None:
        super().__init__(f"pruned after {updates} updates at {value:.6g}")
        self.updates = updates
        self.value = value

    def __reduce__(self) -> tuple[type["Pruned"], tuple[int, float]]:
        """Pickle by both arguments, so that a worker process can pass it on."""
        return type(self), (self.updates, self.value)


def as_typed(value: object) -> str:
    """Format a value as YAML and JSON write it; a text as it is."""
    return value if isinstance(value, str) else json.dumps(value)


def brief(value: object) -> str:
    """Format a value of a file in part of a line, however large or deep it is."""
    return _SHORTENED.repr(value)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its kind where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _one_line(text: str) -> str:
    return re.sub(r"\s*[\r\n]+\s*", " ", _BACKTRACE.sub("", text))


# Where submitit started the process, the signal that it handles itself; USR2 if it isn't said.
_OF_SUBMITIT = "SUBMITIT_PREEMPT_SIGNAL"


def stop_signals() -> list[signal.Signals]:
    """Return SIGTERM, SIGHUP (a closed terminal) and SIGUSR1 (Slurm, before the time is up).

    By default SIGUSR1 (``#SBATCH --signal=USR1@90``) ends a process without a word, and so does
    SIGHUP. One that submitit handles is left alone, and SIGHUP where whoever started the process
    has it ignored, as `nohup` does; Windows has SIGTERM alone. Ctrl-C is not among them: Python has
    it raise an exception anyway.
    """
    theirs = os.environ.get(_OF_SUBMITIT, "").removeprefix("SIG")
    further = [one for one in signal.Signals if one.name in ("SIGHUP", "SIGUSR1")]
    kept = [
        one
        for one in further
        if one.name != f"SIG{theirs}"
        and not (one.name == "SIGHUP" and signal.getsignal(one) is signal.SIG_IGN)
    ]
    return [signal.SIGTERM, *kept]
