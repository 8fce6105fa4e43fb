"""Tuning of the C library's memory allocator."""

import ctypes
import platform

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
