"""Graceful stop between two updates when a signal asks for it."""

import signal
import threading
from types import FrameType
from typing import Any

import pytorch_lightning as pl

from impasto.errors import stop_signals
from lightning_modules.base import UpdateModule


class GracefulStop(pl.Callback):
    """On Ctrl-C, SIGTERM, SIGHUP or SIGUSR1 the run finishes its update, saves itself, and ends.

    A second Ctrl-C ends it at once.
    """

    def __init__(self) -> None:
        self._previous: dict[int, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install the handlers; only a main thread may.

        Lightning has set its own handler by now, which would end the run by an exception at the
        next batch, or in the middle of a validation.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        assert isinstance(pl_module, UpdateModule)

        def stop(number: int, frame: FrameType | None) -> None:
            if pl_module.stop_requested and number == signal.SIGINT:
                raise KeyboardInterrupt
            pl_module.stop_requested = number

        for number in (signal.SIGINT, *stop_signals()):
            self._previous[number] = signal.signal(number, stop)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore Lightning's handlers; it restores those before them in its turn."""
        self._restore_handlers()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Restore Lightning's handlers."""
        self._restore_handlers()

    def _restore_handlers(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
