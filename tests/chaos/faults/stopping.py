"""Stopping a process while it is in the middle of a file."""

import contextlib
import os
import signal
import time
from pathlib import Path

from tests.chaos.lives import Life
from tests.chaos.victim import Victim


def stop_at(
    victim: Victim, life: Life, folder: str, skip: int, folders: bool = False
) -> tuple[str, int] | None:
    """Stop a process while a temporary file or folder is there.

    Args:
        victim: The run.
        life: Its process.
        folder: Where to look, below the run folder.
        skip: How many of them to let go by.
        folders: Whether it is a temporary folder, and not a file.

    Returns:
        Its name, and its bytes so far, while the process is stopped; None if the life ended.
    """
    path = victim.run / folder
    passed: set[str] = set()
    found: list[str] = []

    def there() -> bool:
        victim.watched.look()
        try:
            names = [
                entry.name
                for entry in os.scandir(path)
                if ".tmp" in entry.name and entry.is_dir() == folders
            ]
        except FileNotFoundError:
            return False
        passed.update(names)
        if len(passed) <= skip or not names:
            return False
        _let_grow(path / names[0], victim.random.choice([0, 1, 20_000, 100_000]))
        life.send(signal.SIGSTOP)
        victim.until(life, lambda: life.state in "TZ", seconds=30)
        found[:] = [name for name in os.listdir(path) if name in names]
        if not found:
            life.send(signal.SIGCONT)
        return bool(found)

    if not victim.until(life, there):
        return None
    temporary = path / found[0]
    inside = temporary.rglob("*") if temporary.is_dir() else [temporary]
    return found[0], sum(file.stat().st_size for file in inside)


def _let_grow(file: Path, size: int) -> None:
    """Look at a file, without a pause, until it has so many bytes, or is gone."""
    deadline = time.monotonic() + 0.05
    with contextlib.suppress(FileNotFoundError):
        while file.is_file() and file.stat().st_size < size and time.monotonic() < deadline:
            pass
