"""Temporary names of files that get their own name only when they are whole."""

import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# By the project's name in it a file is known to be nobody else's.
_TEMPORARY = re.compile(r"\.impasto-[0-9a-f]{12}\.tmp(\.\w+)?")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_IN_WORDS = re.compile(r"\(os error (\d+)\)")  # as libraries in Rust say it


def temporary_name(path: Path) -> Path:
    """Return a hidden, unused name in the same folder, with the same suffix."""
    return path.with_name(f".impasto-{uuid.uuid4().hex[:12]}.tmp{path.suffix}")


def is_leftover(name: str) -> bool:
    """Return True if a file's name is one of `temporary_name`."""
    return _TEMPORARY.fullmatch(name) is not None


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left under temporary names; only while no other writes there."""
    with suppress(OSError):  # what can't be removed is in nobody's way
        for path in folder.iterdir():
            if is_leftover(path.name):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Say which file could not be written, and why, where a library says something else.

    Raises:
        OSError: The disk is full or read-only, with the file's name.
    """
    try:
        yield
    except Exception as error:
        number = _number_of(error)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


def _number_of(error: BaseException | None) -> int | None:
    """Return the number of the system's error behind another one, if it is about room."""
    while error is not None:
        words = _IN_WORDS.search(str(error))
        number = error.errno if isinstance(error, OSError) else int(words[1]) if words else None
        if number in _NO_ROOM:
            return number
        error = error.__cause__ or error.__context__
    return None
