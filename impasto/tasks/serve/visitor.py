"""One visitor of the page: what is being painted for them, and what has been."""

import dataclasses
import os
import shutil
import threading
from collections import deque
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import UserError
from impasto.io.exporters import Exporter
from impasto.io.images import asked_size
from impasto.io.record import StrokeRecord
from impasto.tasks.serve.storage import TemporaryStorage
from impasto.tasks.serve.stroke_player import States
from impasto.tasks.serve.worker import Worker

_VIEW = 640  # pixels on the longer side of a painting on the page
_VIEWS = 30  # pictures of it that are kept: a browser on a slow line asks for them late


class Visitor:
    """State and files of one open page.

    What it has of each kind is replaced by the next: one picture that was dropped, the last views
    of the painting, one file to download.

    Args:
        storage: Its own folder; made if need be, and removed by `leave`.
        shared_storage: The folder that those of all visitors lie in.

    Attributes:
        painting: The last painting, at its picture's size.
    """

    def __init__(self, storage: TemporaryStorage, shared_storage: TemporaryStorage) -> None:
        self._storages = (storage, shared_storage)
        self._folder = storage.folder
        self._views: deque[Path] = deque()
        self._numbers = count()
        self._stop = threading.Event()
        self._worker: Worker | None = None
        self.painting: StrokeRecord | None = None
        self._states: States | None = None

    @property
    def stopped(self) -> bool:
        """Return True if the present painting was asked to stop."""
        return self._stop.is_set()

    def order(self) -> None:
        """Prepare for a new order: an earlier request to stop is forgotten."""
        self._stop.clear()

    def begin(self, worker: Worker) -> None:
        """Begin to paint: the order's turn has come."""
        self._worker = worker
        worker.start()
        if self.stopped:  # in this moment
            worker.stop()

    def stop(self) -> None:
        """Stop painting, or waiting for it; what is painted is kept."""
        self._stop.set()
        if self._worker is not None:
            self._worker.stop()

    def keep(self, painting: StrokeRecord) -> None:
        """Take a finished painting."""
        height, width = asked_size(painting.height, painting.width, _VIEW)
        self.painting = painting
        self._states = States(dataclasses.replace(painting, height=height, width=width))

    @property
    def count(self) -> int:
        """Number of strokes in the painting; 0 if there is none."""
        return 0 if self._states is None else len(self._states)

    def after(self, count: int | None) -> NDArray[np.uint8] | None:
        """The painting at the size of the page after so many strokes, or all; None without one."""
        states = self._states
        if states is None:
            return None
        return states.after(len(states) if count is None else count)

    def take(self, path: Path) -> Path:
        """Take a picture that was dropped into the visitor's folder; its new path.

        Raises:
            UserError: It is gone.
        """
        new = self._empty("photo") / path.name
        try:
            path.rename(new)
            os.utime(new)
        except OSError as error:
            raise UserError(f"{path.name} is no longer there", "drop it again") from error
        self._tidy()
        return new

    def view(self, picture: NDArray[np.uint8]) -> Path:
        """A file of a picture that is shown, (H, W, 3), for as long as it takes to load it."""
        path = self._folder / "views" / f"{next(self._numbers)}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
        self._views.append(path)
        while len(self._views) > _VIEWS:
            self._views.popleft().unlink(missing_ok=True)
        self._tidy()
        return path

    def export(self, exporter: Exporter, size: int | None) -> Path:
        """Write the painting as a file in the visitor's folder.

        Args:
            exporter: Of which kind.
            size: Pixels on the longer side; the picture's by default.

        Raises:
            UserError: There is no painting, it cannot be written so, or is too large then.
        """
        painting = self.painting
        if painting is None:
            raise UserError("nothing is painted yet", "drop a picture, and paint it")
        height, width = asked_size(painting.height, painting.width, size)
        painting = dataclasses.replace(painting, height=height, width=width)
        exporter.check_size(height, width)
        path = exporter.write(self._empty("export"), painting)
        size = path.stat().st_size
        self._tidy()
        if not path.exists():
            raise UserError(f"{path.name} has {size / 1e6:.0f} MB", "ask for a smaller one")
        return path

    def leave(self) -> None:
        """Clean up after a page that was closed."""
        self.stop()
        if self._worker is not None:
            self._worker.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _empty(self, name: str) -> Path:
        """Make an empty folder among the visitor's."""
        shutil.rmtree(self._folder / name, ignore_errors=True)
        (self._folder / name).mkdir(parents=True)
        return self._folder / name

    def _tidy(self) -> None:
        for storage in self._storages:
            storage.tidy()
