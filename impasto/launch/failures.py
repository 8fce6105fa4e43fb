"""Exceptions by which a job of a sweep ends.

Hydra executes the modules of its plugins a second time when it looks for them, which makes second
classes of the same names; by its underscore it leaves this one out, so that `except` finds its own.
"""

import signal
from pathlib import Path


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
