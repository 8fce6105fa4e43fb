"""A prepared set as files, written in pieces of which each is safe once it is counted."""

import logging
import multiprocessing
import os
import pickle
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from datamodules.growing_files import GrowingFiles, write_json
from datamodules.items import Items
from impasto.errors import UserError
from impasto.persistence.atomic import flush

_log = logging.getLogger(__name__)

# Decoded images that a process hands over at a time, and how many bytes are written between two
# savings of the progress, which is what a kill can lose.
_CHUNK_BYTES = 2_000_000
_SAVE_BYTES = 32_000_000
# For fewer pictures starting processes takes longer than they save.
_WORTH_PROCESSES = 1_000


class CacheWriter:
    """Writes ``images.npy``, ``items.npz`` and ``cache.json`` into a folder, or what is missing.

    Args:
        folder: Where; may hold what another process left.
        what: What to call the set in the progress bar.
        canvas_size: Pixels on a side.
        items: The images.

    Attributes:
        useless: Whether what is written can never be of use.
    """

    def __init__(self, folder: Path, what: str, canvas_size: int, items: Items) -> None:
        self.useless = False
        self._folder = folder
        self._what = what
        self._size = canvas_size
        self._items = items
        self._count = len(items.names)
        self._image_bytes = 3 * canvas_size**2
        each = {"images.npy": self._image_bytes}
        self._files = GrowingFiles(folder, each, self._file_header())
        self._done, self._broken = self._progress()

    @property
    def bytes_to_write(self) -> int:
        """Number of bytes of images that are still to be written."""
        return (self._count - self._done) * self._image_bytes

    def write(self) -> None:
        """Decode and write what is missing.

        Raises:
            UserError: No image is readable, or the items cannot be fetched.
            OSError: The folder cannot be written; what is counted stays.
        """
        if self._done:
            _log.info(
                "preparing %s goes on after %s of %s images",
                self._what,
                f"{self._done:,}",
                f"{self._count:,}",
            )
        with self._files.opened(self._done) as files:
            self._write_images(files)
        if len(self._broken) == self._count:
            self.useless = True
            raise UserError(
                f"`root`: none of the {self._count} images of {self._what} is readable; the "
                f"first: {self._broken.get(0, 'there is none')}",
                "give the set in its original layout",
            )
        self._write_about()

    def _write_images(self, files: list[BinaryIO]) -> None:
        (file,) = files
        chunk = max(1, _CHUNK_BYTES // self._image_bytes)
        written = self._done
        numbers = range(self._done, self._count)
        chunks = (numbers[start : start + chunk] for start in range(0, len(numbers), chunk))
        workers, context = _processes(len(numbers), self._items.read)
        with tqdm(
            total=self._count, initial=self._done, desc=f"Preparing {self._what}", unit="image"
        ) as bar:
            for decoded in self._items.decode(chunks, self._size, workers, context):
                file.write(decoded.images.data)
                for place, reason in decoded.broken.items():
                    self._broken[written + place] = reason
                written += len(decoded.images)
                bar.update(len(decoded.images))
                if (written - self._done) * self._image_bytes >= _SAVE_BYTES:
                    self._save_progress(files, written)
        self._save_progress(files, written)

    def _file_header(self) -> bytes:
        buffer = BytesIO()
        shape = (self._count, 3, self._size, self._size)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(buffer, header)
        return buffer.getvalue()

    def _progress(self) -> tuple[int, dict[int, str]]:
        """Read what a process left: how many images, and which of them are broken."""
        left = self._files.progress()
        try:
            broken = {int(number): str(reason) for number, reason in left["broken"].items()}
        except (ValueError, KeyError, AttributeError):
            return 0, {}
        return (left["done"], broken) if left["done"] <= self._count else (0, {})

    def _save_progress(self, files: list[BinaryIO], written: int) -> None:
        self._files.save(files, written, broken=self._broken)
        self._done = written

    def _write_about(self) -> None:
        items = self._items
        valid: NDArray[np.bool_] = np.ones(self._count, bool)
        valid[sorted(self._broken)] = False
        arrays: dict[str, Any] = {"valid": valid, "parts": items.parts, "labels": items.labels}
        with (self._folder / "items.npz").open("wb") as file:
            np.savez(file, **{key: value for key, value in arrays.items() if value is not None})
            flush(file)
        about = {
            "classes": None if items.classes is None else list(items.classes),
            "skipped": [
                {"name": items.names[number], "reason": self._broken[number]}
                for number in sorted(self._broken)
            ],
            "run": items.run,
        }
        write_json(self._folder / "cache.json", about)


def _processes(count: int, read: Callable[[Any], Any]) -> tuple[int, str | None]:
    """Say how many processes decode so many pictures, and how to start them.

    Threads would not do: of pictures as small as a data set's, two decode no faster than one.
    """
    if count < _WORTH_PROCESSES or multiprocessing.current_process().daemon:
        return 0, None  # a daemon may not have children
    if sys.platform == "linux":
        # A forked process need not be handed what a set reads from, which may be an open file.
        return len(os.sched_getaffinity(0)), "fork"
    try:
        pickle.dumps(read)
    except (pickle.PicklingError, AttributeError, TypeError):
        return 0, None
    return os.cpu_count() or 1, None
