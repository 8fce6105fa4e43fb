"""Requeueing under Slurm: a job whose time is nearly up puts itself into the queue again."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SECONDS = 60


def requeue(environment: Mapping[str, str] = os.environ) -> str | None:
    """Ask Slurm to put this job into its queue again, to be started anew when its turn comes.

    Of a job's tasks the first one asks. Where submitit runs the job, that is submitit's own affair.

    Args:
        environment: The process's.

    Returns:
        The job's name; None if this is no job of Slurm's, or Slurm can't be asked, or refused.
    """
    name = job_name(environment)
    of_submitit = "SUBMITIT_EXECUTOR" in environment
    if name is None or of_submitit or environment.get("SLURM_PROCID", "0") != "0":
        return None
    try:
        done = subprocess.run(
            ["scontrol", "requeue", name], capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return name if done.returncode == 0 else None


def job_name(environment: Mapping[str, str]) -> str | None:
    """Slurm's identifier of this job, or of this task of an array; None outside Slurm.

    >>> job_name({"SLURM_JOB_ID": "12", "SLURM_ARRAY_JOB_ID": "10", "SLURM_ARRAY_TASK_ID": "2"})
    '10_2'
    """
    array = environment.get("SLURM_ARRAY_JOB_ID")
    if array is not None and "SLURM_ARRAY_TASK_ID" in environment:
        return f"{array}_{environment['SLURM_ARRAY_TASK_ID']}"
    return environment.get("SLURM_JOB_ID")


def resumed(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> list[str]:
    """The arguments of a job that Slurm has started before: it goes on, unless told otherwise.

    >>> resumed(["task=train"], {"SLURM_RESTART_COUNT": "1"})
    ['task=train', 'resume=auto']
    """
    again = environment.get("SLURM_RESTART_COUNT", "0") not in ("", "0")
    given = any(word.lstrip("+").startswith("resume=") for word in arguments)
    return [*arguments, "resume=auto"] if again and not given else list(arguments)


_SUBMITIT = "SUBMITIT_EXECUTOR"
_WHICH = "SUBMITIT_PREEMPT_SIGNAL"


@contextmanager
def preemptible() -> Iterator[None]:
    """Let a job of submitit's save itself before submitit queues it again.

    Submitit's own handler would end the process in the middle of an update. While the context is
    open, its signal stops the run as SIGTERM does; at the context's end submitit does the rest.
    """
    alone = threading.current_thread() is not threading.main_thread()
    if _SUBMITIT not in os.environ or alone:
        yield
        return
    number = getattr(signal, f"SIG{os.environ.get(_WHICH, 'USR2')}")
    requeue: Any = signal.getsignal(number)
    if not callable(requeue):
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
