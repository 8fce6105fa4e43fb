"""Description of the machine, and a clock that waits for its accelerator."""

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
_BUSY = 0.5  # load a core that others may cause


def machine() -> str:
    """The hardware and the versions, in a line."""
    return f"{hardware()}, {versions()}"


def hardware() -> str:
    """The processor, the accelerator if there is one, cores and threads, in a line."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    if torch.cuda.is_available():
        name += f", {torch.cuda.get_device_name()}"
    return f"{name}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"


def versions() -> str:
    """Versions of Python and torch."""
    return f"Python {platform.python_version()}, torch {torch.__version__}"


def device() -> torch.device:
    """Return the device to measure on: CUDA if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def busy() -> str | None:
    """A warning where other programs compute here, too, and figures are the worse for it."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load < _BUSY * cores:
        return None
    return f"the load was {load:.1f} on {cores} cores: figures are worse than this machine's own"


def clock() -> float:
    """Seconds of a clock, read when the GPU has ended what was started (`--benchmark-timer`)."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def once(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call, on a GPU until all that it started has ended."""
    started = clock()
    work()
    return clock() - started
