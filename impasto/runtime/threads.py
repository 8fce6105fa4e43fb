"""Threads of compiled loops, beside torch's.

torch's threads wait for their next work by spinning, each on a core of its own. Where loops of ours
and short operations of torch take turns, the loops have all threads, and torch one.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import Any

import torch

_lock = threading.Lock()
_inside = 0  # of `for_loops`, by any thread
_threads = 1  # torch's, before


def loop_threads() -> int:
    """Return how many threads a compiled loop has: torch's number, of before `for_loops`."""
    return _threads if _inside else torch.get_num_threads()


@contextmanager
def for_loops(loops: bool) -> Iterator[None]:
    """Leave all threads but one to compiled loops, if there are any.

    The calling thread's operations take one until the end; another's that began before, its own.
    """
    global _inside, _threads
    if not loops:
        yield
        return
    with _lock:
        if not _inside:
            _threads = torch.get_num_threads()
        _inside += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            torch.set_num_threads(_threads)
            _inside -= 1


def in_threads(loop: Callable[..., None], ends: Sequence[int], *arrays: Any) -> None:
    """Call a loop for each range between two ends, in a thread of its own."""
    if len(ends) == 2:
        loop(*ends, *arrays)
        return
    pool = _pool(len(ends) - 1, os.getpid())
    calls = [pool.submit(loop, start, end, *arrays) for start, end in pairwise(ends)]
    for call in calls:
        call.result()


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads of this process: one that was forked has none of its parent's."""
    return ThreadPoolExecutor(threads, thread_name_prefix="loop")
