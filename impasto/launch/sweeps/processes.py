"""The processes of a sweep's jobs: who they are, and how they are ended in order."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from impasto.io.files import read_json
from impasto.tasks.runs.run_state import is_held

PROCESS = Path(".hydra") / "process.json"
STOPPING = Path(".hydra") / "stopping"  # in the sweep's folder: no further job begins
_MOMENT = 0.5  # seconds in which jobs end by a signal that all processes of a group got
_IMPOLITE = 3.0  # seconds after which a job that Ctrl-C has not reached gets a signal
_PATIENCE = 300.0  # seconds that jobs have to save themselves


def register_process(folder: Path) -> None:
    """Write down which process runs in a run folder."""
    text = json.dumps({"host": socket.gethostname(), "pid": os.getpid()})
    (folder / PROCESS).write_text(text + "\n", encoding="utf-8")


def end_jobs(folders: Iterable[Path], sweep: Path, at_once: bool) -> None:
    """Let no further job begin, and wait until those that run on this machine have ended.

    Args:
        folders: The run folders of those that were launched.
        sweep: The sweep's folder.
        at_once: Whether a signal is likely to have reached this process alone, as SIGTERM and
            unlike Ctrl-C; in a moment those get SIGTERM that it has not reached.
    """
    (sweep / STOPPING).touch()
    running = [one for one in map(_process, folders) if one is not None]

    def ended() -> bool:
        return not any(is_held(folder) for folder, _ in running)

    if running and not _wait(ended, _MOMENT if at_once else _IMPOLITE):
        for folder, pid in running:
            if is_held(folder):
                _signal(pid)
        _wait(ended, _PATIENCE)


def _process(folder: Path) -> tuple[Path, int] | None:
    """Folder and process of a job that runs on this machine in another process."""
    try:
        noted = read_json(folder / PROCESS)
        host, pid = noted["host"], int(noted["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    here = host == socket.gethostname() and pid != os.getpid() and is_held(folder)
    return (folder, pid) if here else None


def _signal(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except OSError:  # it has gone
        return


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds; return False if it does not in time."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() >= end:
            return False
        time.sleep(0.1)
    return True
