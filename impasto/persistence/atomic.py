"""Files that are whole or not there, whatever kills the process; durable ones, or the power.

Whatever is written, is written under a temporary name in the same folder, and renamed at the end.
Nothing here loads torch, which a signal may have interrupted.
"""

import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from impasto.errors import Unwritable, UserError

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
                _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """Yield an unused name beside a path, and remove what still has it at the end."""
    temporary = temporary_name(path)
    try:
        yield temporary
    finally:
        with suppress(OSError):  # on a disk that turned read-only nothing can be removed either
            _remove(temporary)


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


@contextmanager
def atomic_replace(path: Path) -> Iterator[Path]:
    """Write a file of the program's own so that it is either whole or not there.

    Args:
        path: Where the file shall be; its folder exists.

    Yields:
        A temporary name with the same suffix in the same folder. It becomes ``path`` when the block
        ends, and is removed when the block raises.

    Raises:
        OSError: The folder cannot be written; if the disk is full, the error names ``path``.
    """
    with _temporary(path) as temporary, named_errors(path):
        yield temporary
        os.replace(temporary, path)


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Write a file that the user asked for as `atomic_replace` does; its folder is made if need be.

    Raises:
        UserError: The folder cannot be made or written.
        OSError: The disk is full; the error names ``path``.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(path) as trial:
            trial.touch()
    except OSError as error:
        raise UserError(
            f"{path.parent}: cannot be written ({error.strerror})", "choose another folder"
        ) from error
    with atomic_replace(path) as temporary:
        yield temporary


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Write a folder so that it is either whole or not there; an older one is replaced.

    Args:
        path: What it shall be called; its parent exists.

    Yields:
        An empty folder, which is removed when the block raises.

    Raises:
        OSError: The disk is full; the error names ``path``.
    """
    with _temporary(path) as temporary, _temporary(path) as old, named_errors(path):
        temporary.mkdir()
        yield temporary
        if path.exists():
            path.rename(old)  # at once, as removing it is not
        temporary.rename(path)


_CANNOT_FLUSH_FOLDERS = (errno.EINVAL, errno.EBADF, errno.ENOTSUP)


@dataclass
class Draft:
    """A file that is being written.

    Attributes:
        file: Open for writing and reading; must not be closed.
        path: What it will be called; may be changed until it is whole, within its folder.
    """

    file: BinaryIO
    path: Path


@contextmanager
def durable_write(path: Path, previous: Path | None = None) -> Iterator[Draft]:
    """Write a file under a temporary name, flush it to the disk, and only then give it its name.

    What has the name until then can be kept under another one. That is done by two renames, each of
    which the file system makes at once or not at all, so that a kill finds one of these states::

        before the first      path is the old one, previous the one before    and a temporary file
        between the two       path is missing, previous is the old one        and a temporary file
        after the second      path is the new one, previous the old one

    Whole are all of them, `path` is always newer than `previous`, and where it is missing, or was
    damaged later, `previous` is the newest. (A hard link would never leave `path` missing, but not
    every file system has them.)

    Args:
        path: What the file shall be called; its folder is made if need be.
        previous: What the file that has this name is to be called from then on.

    Yields:
        The file, empty. If the block raises, it is removed, and everything else stays as it was.

    Raises:
        Unwritable: The folder can't be written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(path) as temporary:
            with temporary.open("x+b") as file:
                draft = Draft(file, path)
                yield draft
                flush(file)
            if previous is not None and path.exists():
                os.replace(path, previous)
            os.replace(temporary, draft.path)
        _flush_folder(path.parent)
    except OSError as error:
        raise Unwritable(
            f"{path} can't be written ({error.strerror or error})",
            "make room, or choose another folder; what was saved before is still there",
        ) from error


def flush(file: IO[Any]) -> None:
    """Flush what was written to an open file to the disk, where no loss of power takes it."""
    file.flush()
    os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the system can."""
    if os.name == "nt":  # which opens no folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH_FOLDERS:
            raise
    finally:
        os.close(descriptor)
