"""Preemption under submitit: a run that nears its time limit is saved and queued again."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SUBMITIT = "SUBMITIT_EXECUTOR"
_WHICH = "SUBMITIT_PREEMPT_SIGNAL"


@contextmanager
def preemptible() -> Iterator[None]:
    """Let a job of submitit's save itself before submitit queues it again.

    Submitit's own handler would end the process in the middle of an update. While the context is
    open, its signal stops the run as SIGTERM does; at the context's end submitit does the rest.
    """
    number = getattr(signal, f"SIG{os.environ.get(_WHICH, 'USR2')}")
    requeue: Any = signal.getsignal(number)
    alone = threading.current_thread() is not threading.main_thread()
    if _SUBMITIT not in os.environ or alone or not callable(requeue):
        yield
        return
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(number, stop)
    try:
        yield
    finally:
        signal.signal(number, requeue)
    if received:
        requeue(number, None)  # ends the process
