"""The temporary folder of a page, which has a bound on all that lies in it."""

import stat
import threading
import time
from pathlib import Path

_BLOCK = 4096  # bytes that even an empty file takes
_UNUSED = 60.0  # seconds after which nobody is about to put something into an empty folder


class TemporaryStorage:
    """A folder, and how much of it may be used.

    Args:
        folder: Where files lie, in folders of any depth.
        most: Bytes in all of it.
        seconds: How long a file may lie there.
    """

    def __init__(self, folder: Path, most: float, seconds: float) -> None:
        self.folder, self._most, self._seconds = folder, most, seconds
        self._coming = 0  # bytes
        self._lock = threading.Lock()

    def reserve(self, size: int) -> bool:
        """Reserve room for a file that is coming in; return False if there is none."""
        with self._lock:
            if self._coming + size > self._most:
                return False
            self._coming += size
        self.tidy()
        return True

    def release(self, size: int) -> None:
        """Free the reserved room, whether the file has come or not."""
        with self._lock:
            self._coming -= size

    def tidy(self) -> None:
        """Remove what is too old, and then the oldest until the rest fits."""
        with self._lock:
            _tidy(self.folder, self._most - self._coming, self._seconds)


def _tidy(folder: Path, most: float, seconds: float) -> None:
    now = time.time()
    files = []
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder before the folder
        try:
            facts = path.lstat()
            if not stat.S_ISDIR(facts.st_mode):
                files.append((facts.st_mtime, max(facts.st_size, _BLOCK), path))
            elif facts.st_mtime < now - _UNUSED:
                path.rmdir()
        except OSError:  # it is not empty, or others took it away
            continue
    total = sum(size for _, size, _ in files)
    for at, size, path in sorted(files):
        if at >= now - seconds and total <= most:
            break
        path.unlink(missing_ok=True)
        total -= size
