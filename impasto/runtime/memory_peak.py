"""Peak of the memory that the process takes."""

import resource
import sys
import threading
from pathlib import Path
from types import TracebackType

_STATUS = Path("/proc/self/status")
_MEGABYTE = 1e6


class MemoryPeak:
    """Watches the process's anonymous resident memory from a thread, while the context is open.

    Memory-mapped files don't count: the system takes them back when it needs to. Where there is no
    /proc (macOS) the peak is that of all resident memory.

    Args:
        seconds: Time between two looks.
    """

    def __init__(self, seconds: float = 0.2) -> None:
        self._seconds = seconds
        self._peak = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-peak", daemon=True)

    def __enter__(self) -> "MemoryPeak":
        """Start watching."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join()

    @property
    def megabytes(self) -> float:
        """The highest so far, in 10^6 bytes."""
        self._look()
        return self._peak / _MEGABYTE

    def _watch(self) -> None:
        while not self._stop.wait(self._seconds):
            self._look()

    def _look(self) -> None:
        self._peak = max(self._peak, _anonymous_bytes())


def _anonymous_bytes() -> float:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return float(peak if sys.platform == "darwin" else peak * 1024)
    sizes = [line.split() for line in lines if line.startswith("RssAnon:")]
    return float(sizes[0][1]) * 1024 if sizes else 0.0
