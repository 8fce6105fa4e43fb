"""How the C library hands out memory."""

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # names of mallopt's parameters in malloc.h
_NEVER = -1


def keep_freed_memory() -> bool:
    """Let the process keep memory that tensors no longer need, for those that come next.

    By default, glibc returns large blocks to the system, and gets them back as pages that the
    kernel clears at their first touch. Updates on a CPU take a gigabyte or two in such blocks, and
    spend a fifth of their time on that. What a process holds is then what it needed at most.

    Returns:
        Whether it will; other C libraries have no such setting.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, _NEVER))
