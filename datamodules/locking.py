"""One process at a time."""

import contextlib
import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
# What a file system without locks answers; NFS without its lock service gives ENOLCK.
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextlib.contextmanager
def locked(path: Path, waiting: str) -> Iterator[int]:
    """Hold a lock that the system takes back when this process ends, however it ends.

    Args:
        path: The lock's file; it is made, and stays: to remove it would make two locks of one.
        waiting: What to say, once, while another process holds it.

    Yields:
        The descriptor; a forked process has to close its copy, or the lock outlives this process.

    Raises:
        OSError: The file cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        said = False
        while not try_lock(descriptor, path):
            if not said:
                _log.info("%s", waiting)
            said = True
            time.sleep(_POLL_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, path: Path) -> bool:
    """Take the lock if nobody holds it.

    Args:
        descriptor: The open file.
        path: What to call it in a warning.

    Returns:
        Whether it is held now; also where the file system has no locks, with a warning.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _log.warning(
            "%s: this file system has no locks (%s); let one process at a time prepare a set",
            path.parent, error.strerror,
        )  # fmt: skip
    return True
