"""Files that one process at a time may hold; the system takes them back however it ends."""

import errno
import fcntl
import functools
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_log = logging.getLogger(__name__)

# What a file system without locks answers; NFS without its lock service gives ENOLCK.
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)

_open: set[TextIO] = set()


@contextmanager
def open_lock(path: Path) -> Iterator[TextIO]:
    """Open a lock's file, which is made if need be; what is held by it is free at the end.

    The file stays: to remove it would make two locks of one. In every process that is forked
    meanwhile it is closed. A lock lasts as long as any process has its file open, and processes
    that read data outlive a killed run by seconds, in which it could not be gone on with.

    Raises:
        OSError: The file can't be made, or is a pipe.
    """
    _watch_forks()
    with open(path, "a", opener=_open_at_once) as file:
        _open.add(file)
        try:
            yield file
        finally:
            _open.discard(file)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK, 0o666)  # never waits for a pipe's reader


def try_lock(file: TextIO, shared: bool = False) -> bool:
    """Take a lock if nobody holds it.

    Args:
        file: From `open_lock`.
        shared: Only look whether somebody does: several may look at once.

    Returns:
        Whether it is held now; also where the file system has no locks, with a warning.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
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


@functools.cache
def _watch_forks() -> None:
    def close() -> None:
        for file in _open:
            file.close()
        _open.clear()

    os.register_at_fork(after_in_child=close)
