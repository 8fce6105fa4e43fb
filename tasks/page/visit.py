"""One visitor of the page: what is being painted for them, and what has been."""

import dataclasses
import shutil
import threading
import uuid
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from painting.errors import UserError
from painting.exporters import Exporter
from painting.record import StrokeRecord
from painting.sizes import asked_size
from painting.states import States
from tasks.page.work import Work

_VIEW = 640  # pixels on the longer side of a painting on the page


class Visit:
    """What belongs to one open page.

    Args:
        folder: Where its files may go; made if need be, and removed by `leave`.

    Attributes:
        painting: The last painting, at its picture's size.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stop = threading.Event()
        self._work: Work | None = None
        self.painting: StrokeRecord | None = None
        self._states: States | None = None

    @property
    def stopped(self) -> bool:
        """Whether the present painting was asked to stop."""
        return self._stop.is_set()

    def order(self) -> None:
        """A painting is wanted: what was asked of the one before is forgotten."""
        self._stop.clear()

    def begin(self, work: Work) -> None:
        """The painting's turn has come."""
        self._work = work
        work.start()
        if self.stopped:  # in this moment
            work.stop()

    def stop(self) -> None:
        """Stop painting, or waiting for it; what is painted is kept."""
        self._stop.set()
        if self._work is not None:
            self._work.stop()

    def keep(self, painting: StrokeRecord) -> None:
        """Take a finished painting."""
        height, width = asked_size(painting.height, painting.width, _VIEW)
        self.painting = painting
        self._states = States(dataclasses.replace(painting, height=height, width=width))

    @property
    def count(self) -> int:
        """How many strokes the painting has; 0 if there is none."""
        return 0 if self._states is None else len(self._states)

    def after(self, count: int | None) -> NDArray[np.uint8] | None:
        """The painting at the size of the page after so many strokes, or all; None without one."""
        states = self._states
        if states is None:
            return None
        return states.after(len(states) if count is None else count)

    def export(self, exporter: Exporter, size: int | None) -> Path:
        """Write the painting as a file in the visit's folder.

        Args:
            exporter: Of which kind.
            size: Pixels on the longer side; the picture's by default.

        Raises:
            UserError: There is no painting, or it cannot be written so.
        """
        painting = self.painting
        if painting is None:
            raise UserError("nothing is painted yet", "drop a picture, and paint it")
        height, width = asked_size(painting.height, painting.width, size)
        painting = dataclasses.replace(painting, height=height, width=width)
        exporter.check_size(height, width)
        return exporter.write(self._folder / uuid.uuid4().hex[:8], painting)

    def leave(self) -> None:
        """The page was closed."""
        self.stop()
        if self._work is not None:
            self._work.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
