"""Loading large libraries without looking through them for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Put Python's garbage collector off.

    Torch alone makes 200,000 objects that stay for good, and while they come the collector goes
    through all of them again and again, which takes a quarter as long as loading them. Nor does it
    look later at what was there after the first time in a process.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # later there may be garbage of other jobs
            gc.freeze()
        if collecting:
            gc.enable()
