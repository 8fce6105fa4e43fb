"""summary.json: what became of a run, as one flat object."""

import json
import math
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

SUMMARY = "summary.json"
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


def git_commit(folder: Path) -> str | None:
    """The commit that is checked out in a folder, with `+` after it where files were changed.

    None where the folder is no checkout itself: an installation may lie within another project's.
    """
    if not (folder / ".git").exists():
        return None
    commands = (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
    outputs = []
    for command in commands:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *command],
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            )
        except (OSError, subprocess.SubprocessError):
            return None
        outputs.append(done.stdout.strip())
    commit, changes = outputs
    return commit + "+" if changes else commit


def write_summary(folder: Path, values: Mapping[str, object]) -> None:
    """Write summary.json atomically; what is None, or no finite number, is left out."""
    kept = {key: _plain(value) for key, value in values.items()}
    kept = {key: value for key, value in kept.items() if value is not None}
    text = json.dumps(kept, indent=2) + "\n"
    # Not by `painting.images.atomic_write`: that loads torch, which a signal may have interrupted.
    temporary = folder / f".{SUMMARY}.{os.getpid()}"
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(folder / SUMMARY)
    finally:
        temporary.unlink(missing_ok=True)


def _plain(value: object) -> object:
    """A number as Python's own, rounded to where a summary is read; None if it is not finite."""
    if hasattr(value, "item"):
        value = value.item()  # of a tensor or a NumPy scalar
    if isinstance(value, Path):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
