"""Durable files: whole and on the disk, or not there, whatever kills the process or the power."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from impasto.errors import Unwritable
from impasto.persistence.temporary import temporary_name

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
    temporary = temporary_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("x+b") as file:
            draft = Draft(file, path)
            yield draft
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            os.replace(path, previous)
        os.replace(temporary, draft.path)
        _flush_folder(path.parent)
    except OSError as error:
        raise Unwritable(
            f"{path} can't be written ({error.strerror or error})",
            "make room, or choose another folder; what was saved before is still there",
        ) from error
    finally:
        with suppress(OSError):  # on a disk that turned read-only nothing can be removed either
            temporary.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH_FOLDERS:
            raise
    finally:
        os.close(descriptor)
