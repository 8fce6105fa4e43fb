"""Memory: what is free, checks that a picture fits before it is read, the process's peak.

What is estimated is memory that the system cannot take back, above what the program has anyway.
"""

import ctypes
import math
import os
import platform
import sys
import threading
from pathlib import Path
from types import TracebackType

from impasto.errors import UserError

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

READING = 20  # bytes a pixel: decoding, turning upright, alpha (measured at 12 megapixels)
# Bytes a pixel of the canvas on which strokes are found (painter=optimize): by compiled loops, that
# keep no picture of a stroke (measured: 150 at 15 megapixels), and by tensor operations.
FINDING = {True: 250, False: 6_000}
MOVING = 40  # bytes a number of a stroke: itself, limited, its gradient, its averages, its step
DRAWING = 10  # bytes a pixel of the painting, and of the file's picture (likewise)
LEARNING = 100  # bytes a pixel of a batch: bytes, floats, a canvas, and what an agent sees of both
WORKER = 2**26  # bytes of a process that reads
_LITTLE = 2**26  # bytes that are not worth a look
_SHARE = 0.9  # of the memory, which the rest of the machine leaves to a program
_GIGA = 1e9
_KILO = 1024
_MEMINFO = Path("/proc/meminfo")
_CGROUPS = (  # of a container: what it may have, what it has, and of that the files' share
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current", "inactive_file"),
    (
        Path("/sys/fs/cgroup/memory"),
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
)


def available_bytes() -> float:
    """Return the bytes that a program can still have: by the machine, and by any container."""
    return min(_of_machine(), *(_below(*limit) for limit in _CGROUPS))


def has_room(needed: float) -> bool:
    """Return True if so many bytes of memory are free."""
    return needed <= _LITTLE or needed <= room()


def check_reading(name: str, height: int, width: int) -> None:
    """Check that there is memory for a picture file.

    Args:
        name: What to call it.
        height: Its rows.
        width: Its columns.

    Raises:
        UserError: There is not; which size there is memory for is said.
    """
    if fits := _largest(height, width, READING):
        what = f"{name}: reading {width} x {height} pixels {lack(height * width * READING)}"
        raise UserError(what, f"make it smaller first, to {fits} pixels on the longer side")


def check_drawing(height: int, width: int) -> None:
    """Check that there is memory for a painting of this size.

    Raises:
        UserError: There is not; which size there is memory for is said.
    """
    if fits := _largest(height, width, DRAWING):
        what = f"a painting of {width} x {height} pixels {lack(height * width * DRAWING)}"
        raise UserError(what, f"give `size={fits}` or less")


def check_finding(height: int, width: int, by_loops: bool) -> None:
    """Check that there is memory for finding strokes on a canvas of this size.

    Args:
        height: Its rows.
        width: Its columns.
        by_loops: Whether compiled loops draw the kind (`Stroke.has_form`).

    Raises:
        UserError: There is not; which size there is memory for is said.
    """
    each = FINDING[by_loops]
    if fits := _largest(height, width, each):
        what = f"finding strokes on {width} x {height} pixels {lack(height * width * each)}"
        raise UserError(what, f"give `work_size={fits}` or less, or fewer strokes")


def check_export(name: str, needed: float, keys: str) -> None:
    """Check that there is memory for an export.

    Args:
        name: Its class.
        needed: Bytes.
        keys: What to give less of.

    Raises:
        UserError: There is not.
    """
    if needed > room():
        raise UserError(f"`{name}` {lack(needed)}", f"give a smaller {keys}")


def check_count(key: str, count: int, bytes_each: float, otherwise: str = "") -> None:
    """Check that there is memory for as many things as an argument asks for, all of them at once.

    Args:
        key: The argument, such as ``episodes`` or ``batch_size``.
        count: Its value.
        bytes_each: What one of them takes.
        otherwise: What else helps, after a comma.

    Raises:
        UserError: There is not; how many there is memory for is said.
    """
    needed = count * bytes_each
    if needed > room():
        fits = max(1, int(room() / bytes_each))
        raise UserError(
            f"`{key}={count}` {lack(needed)}", f"give `{key}={fits}` or less{otherwise}"
        )


def room() -> float:
    """Return the bytes that a program may still take."""
    return max(_SHARE * available_bytes(), _LITTLE)


def _largest(height: int, width: int, bytes_per_pixel: int) -> int:
    """Return the longer side, in pixels, of the largest size that fits; 0 if this one fits."""
    needed = height * width * bytes_per_pixel
    if needed <= _LITTLE:
        return 0
    share = _SHARE * available_bytes() / needed
    return 0 if share >= 1 else max(1, int(math.sqrt(share) * max(height, width)))


def lack(needed: float, verb: str = "needs about") -> str:
    """Say how much memory something needs, and how much is free; the text follows its name."""
    there = available_bytes()
    return f"{verb} {needed / _GIGA:.1f} GB of memory, and {there / _GIGA:.1f} GB are free"


def _of_machine() -> float:
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) * _KILO
    except OSError:  # not Linux
        pass
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return math.inf


def _below(folder: Path, limit: str, used: str, files: str) -> float:
    """Return the bytes that are left below a container's limit; infinity without one."""
    try:
        left = float((folder / limit).read_text()) - float((folder / used).read_text())
        for line in (folder / "memory.stat").read_text().splitlines():
            if line.startswith(f"{files} "):
                left += float(line.split()[1])  # which the system takes back
    except (OSError, ValueError):  # also "max", which is none
        return math.inf
    return left


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt's parameters in malloc.h
_NEVER = -1
_LARGE = 2**23  # bytes


def return_large_blocks() -> bool:
    """Let memory of large tensors go back to the system when they are freed.

    By default, glibc soon takes blocks of up to 32 MiB from its heap, where freed ones leave gaps
    among those that live: a sixth of what an update of 96 transitions takes. Here each block above
    8 MiB comes from the system and goes back to it, and smaller ones stay for those that come
    next. An update takes as long as before; with a much lower limit it would take twice as long,
    as the kernel clears every page that it hands out.

    Returns:
        Whether it will; other C libraries have no such setting.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_THRESHOLD, _LARGE)) and bool(mallopt(_TRIM_THRESHOLD, _NEVER))


_STATUS = Path("/proc/self/status")
_MEGABYTE = 1e6


class MemoryPeak:
    """Watches the process's anonymous resident memory from a thread, while the context is open.

    Memory-mapped files don't count: the system takes them back when it needs to. Where there is no
    /proc the peak is that of all resident memory on macOS, and is not known on Windows: 0.

    Args:
        seconds: Time between two looks.
    """

    def __init__(self, seconds: float = 0.2) -> None:
        self._seconds = seconds
        self._peak = 0.0
        self._lock = threading.Lock()  # a slow look must not take back what a later one has seen
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
        with self._lock:
            self._peak = max(self._peak, _anonymous_bytes())


def _anonymous_bytes() -> float:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        if resource is None:
            return 0.0
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return float(peak if sys.platform == "darwin" else peak * 1024)
    sizes = [line.split() for line in lines if line.startswith("RssAnon:")]
    return float(sizes[0][1]) * 1024 if sizes else 0.0
