"""One visitor of the page: what is being painted for them, and what has been."""

import dataclasses
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from impasto.errors import UserError
from impasto.io.exporters import Exporter
from impasto.io.exporters.base import STEM
from impasto.io.images import asked_size
from impasto.io.record import StrokeRecord
from impasto.tasks.serve.stroke_player import States
from impasto.tasks.serve.uploads import Limits, read_upload
from impasto.tasks.serve.worker import Worker

_VIEW = 640  # pixels on the longer side of a painting on the page


@dataclass(frozen=True)
class Photo:
    """A picture that was dropped: its file's name and bytes; decoded when it is painted."""

    name: str
    data: bytes

    def read(self, limits: Limits) -> NDArray[np.uint8]:
        """Read it: see `read_upload`."""
        return read_upload(self.data, self.name, limits)


class Visitor:
    """State of one open page, all of it in memory.

    Attributes:
        photo: The picture that was dropped last.
        painting: The last painting, at its picture's size.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._worker: Worker | None = None
        self.photo: Photo | None = None
        self.painting: StrokeRecord | None = None
        self._name = ""
        self._states: States | None = None

    @property
    def stopped(self) -> bool:
        """Return True if the present painting was asked to stop."""
        return self._stop.is_set()

    def order(self) -> Photo:
        """Prepare for a new order: an earlier request to stop is forgotten.

        Raises:
            UserError: There is no picture.
        """
        self._stop.clear()
        if self.photo is None:
            raise UserError("there is no picture", "drop one, or choose a file")
        return self.photo

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

    def keep(self, painting: StrokeRecord, photo: Photo) -> None:
        """Take a finished painting of a photograph, whose name its files have."""
        height, width = asked_size(painting.height, painting.width, _VIEW)
        self.painting, self._name = painting, PurePath(photo.name).stem or STEM
        self._states = States(dataclasses.replace(painting, height=height, width=width))

    @property
    def count(self) -> int:
        """Number of strokes in the painting; 0 if there is none."""
        return 0 if self._states is None else len(self._states)

    def after(self, count: int | None) -> NDArray[np.uint8]:
        """The painting at the size of the page after so many strokes, or all.

        Raises:
            UserError: There is none.
        """
        if self._states is None:
            raise UserError("nothing is painted yet", "drop a picture, and paint it")
        return self._states.after(self.count if count is None else count)

    def export(self, exporter: Exporter, size: int | None, limits: Limits) -> tuple[str, bytes]:
        """Write the painting as a file: its name, after the photograph's, and its bytes.

        Args:
            exporter: Of which kind.
            size: Pixels on the longer side; the picture's by default.
            limits: What is too large.

        Raises:
            UserError: There is no painting, it cannot be written so, or is too large then.
        """
        painting = self.painting
        if painting is None:
            raise UserError("nothing is painted yet", "drop a picture, and paint it")
        height, width = asked_size(painting.height, painting.width, size)
        limits.check_pixels("the painting", height, width)
        painting = dataclasses.replace(painting, height=height, width=width)
        exporter.check(painting.stroke, painting.strokes)
        exporter.check_size(height, width)
        with tempfile.TemporaryDirectory(prefix="impasto-") as folder:
            path = exporter.write(Path(folder), painting)
            kind = "" if path.stem == STEM else f"-{path.stem}"
            return f"{self._name}{kind}{path.suffix}", path.read_bytes()

    def leave(self) -> None:
        """Clean up after a page that was closed."""
        self.stop()
        if self._worker is not None:
            self._worker.wait()
