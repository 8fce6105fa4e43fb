"""Loading large libraries without looking through them for garbage."""

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause Python's garbage collector while the context is open.

    Torch alone makes 200,000 objects that stay for good, and while they come the collector goes
    through all of them again and again, which takes a quarter as long as loading them. What was
    there after the first time in a process it does not look at later either: not when it could
    interrupt the painting, and not at the end, which would take a second.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # later there may be garbage of other jobs
            gc.freeze()
            atexit.register(_clear_for_triton)
        if collecting:
            gc.enable()


def _clear_for_triton() -> None:
    """Clear at exit what Triton's bindings would report as leaked."""
    if "triton" in sys.modules:
        gc.unfreeze()
