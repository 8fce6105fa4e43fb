"""Locks, for one process at a time."""

import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from impasto.persistence.locks import open_lock, try_lock

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1


@contextlib.contextmanager
def locked(path: Path, waiting: str) -> Iterator[None]:
    """Wait for a lock, and hold it.

    Args:
        path: The lock's file.
        waiting: What to say, once, while another process holds it.

    Raises:
        OSError: The file cannot be made.
    """
    with open_lock(path) as file:
        said = False
        while not try_lock(file):
            if not said:
                _log.info("%s", waiting)
            said = True
            time.sleep(_POLL_SECONDS)
        yield
