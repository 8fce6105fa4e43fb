"""Locks by files, which one process at a time may hold; the system frees them however it ends.

The `filelock` library cannot look whether a lock is held without taking it, keeps it in forked
processes in its older versions, and has nothing, or a lock that outlives a kill, where the file
system has none. It serves where there is no `fcntl`: on Windows.
"""

import errno
import functools
import logging
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from filelock import FileLock, Timeout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.05
# What a file system without locks answers; NFS without its lock service gives ENOLCK.
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)

_open: set[TextIO] = set()


@contextmanager
def lock(path: Path, seconds: float = math.inf, waiting: str | None = None) -> Iterator[bool]:
    """Hold a lock while the context is open, once no other process does.

    The file stays: to remove it would make two locks of one. In every process that is forked
    meanwhile it is closed. A lock lasts as long as any process has its file open, and processes
    that read data outlive a killed run by seconds, in which it could not be gone on with.

    Args:
        path: The lock's file, which is made if need be; its folder exists.
        seconds: How long to wait for it at most.
        waiting: What to log, once, while another process holds it.

    Yields:
        Whether it is held: not if others held it all the time. Where the file system has no locks
        it counts as held, with a warning.

    Raises:
        OSError: The file can't be made, or is a pipe.
    """
    if fcntl is None:
        with _library_lock(path, seconds) as held:
            yield held
        return
    with _opened(path) as file:
        end = time.monotonic() + seconds
        held = _take(file, fcntl.LOCK_EX)
        if not held and waiting is not None:
            _log.info("%s", waiting)
        while not held and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)
            held = _take(file, fcntl.LOCK_EX)
        yield held


def is_locked(path: Path) -> bool:
    """Return True if a process holds a lock; several may look at once.

    Raises:
        OSError: The file can't be opened, or is a pipe.
    """
    if fcntl is None:
        with _library_lock(path, 0) as held:
            return not held
    with _opened(path) as file:
        return not _take(file, fcntl.LOCK_SH)


@contextmanager
def _library_lock(path: Path, seconds: float) -> Iterator[bool]:
    held = FileLock(path)
    try:
        held.acquire(timeout=-1 if seconds == math.inf else seconds)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        held.release()


def _take(file: TextIO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _log.warning(
            "%s: this file system has no locks (%s); let one process at a time work there",
            Path(file.name).parent,
            error.strerror,
        )
    return True


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    _watch_forks()
    with open(path, "a", opener=_open_at_once) as file:
        _open.add(file)
        try:
            yield file
        finally:
            _open.discard(file)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK, 0o666)  # never waits for a pipe's reader


@functools.cache
def _watch_forks() -> None:
    def close() -> None:
        for file in _open:
            file.close()
        _open.clear()

    os.register_at_fork(after_in_child=close)
