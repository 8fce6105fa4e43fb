"""Removal of what dead processes left in the folder of prepared sets."""

import contextlib
import logging
import shutil
import time
from pathlib import Path

from impasto.persistence.locks import open_lock, try_lock

_log = logging.getLogger(__name__)

# A preparation that nobody went on with for so long is of a set that has changed or is gone.
_STALE_SECONDS = 7 * 24 * 3600.0
_OLD_NAMES = ".*.tmp"  # of versions that could not go on


def sweep(prepared: Path) -> None:
    """Remove unfinished preparations that nobody holds and nobody touched for a week.

    Args:
        prepared: The folder of all prepared sets.
    """
    for folder in [*prepared.glob(".*.part"), *prepared.glob(_OLD_NAMES)]:
        with contextlib.suppress(OSError):  # another process sweeps too
            newest = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
            # A clock that was put back makes an age negative, which is not old.
            if time.time() - newest > _STALE_SECONDS:
                _remove(folder)


def _remove(folder: Path) -> None:
    lock = folder.with_suffix(".lock")
    with open_lock(lock) as file:
        if try_lock(file):
            shutil.rmtree(folder)
            _log.info("%s: an unfinished preparation, untouched for a week, is removed", folder)
    if not folder.name.endswith(".part"):  # had no lock of its own
        lock.unlink(missing_ok=True)
