"""Interface of an exporter."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, TypeVar

from torch import Tensor
from tqdm import tqdm

from impasto.io.record import StrokeRecord
from impasto.strokes import Stroke

STEM = "painting"  # what the files of a painting are called
_MOMENT = 1.0  # seconds in which no bar is missed
_Item = TypeVar("_Item")


class Exporter(ABC):
    """Writes a painting as one kind of file.

    A further kind is a class like this and a YAML file in conf/export/.

    Attributes:
        file: Name of the file that it writes.
        bar: Whether a bar shows how far it is, where that takes longer than a moment.
    """

    file: ClassVar[str]
    bar = False

    @abstractmethod
    def write(self, folder: Path, painting: StrokeRecord) -> Path:
        """Write the file, whole or not at all.

        Args:
            folder: Where; made if need be.
            painting: What to write, at its own width and height.

        Returns:
            The file.

        Raises:
            UserError: The folder cannot be written, or this painting not be written so.
        """

    def watched(self, items: Iterable[_Item], total: int | None = None) -> Iterator[_Item]:
        """Yield what there is to do, item by item, beside the bar."""
        text, hidden = f"writing {self.file}", not self.bar
        yield from tqdm(items, text, total, leave=False, delay=_MOMENT, disable=hidden)

    def check(self, stroke: Stroke | None = None, strokes: Tensor | int | None = None) -> None:
        """Check that writing is possible, before a painting is made or anything is written.

        Args:
            stroke: The kind of its strokes, with their limits, where it is known.
            strokes: (N, D) in [0, 1], or only N where they are not there yet.

        Raises:
            UserError: Something is missing, or such strokes can't be written so.
        """
        return

    def check_size(self, height: int, width: int) -> None:
        """Check that the kind of file can be of a size, before a painting is made.

        Args:
            height: Rows of the painting.
            width: Its columns.

        Raises:
            UserError: It cannot, or there is not the memory for it.
        """
        return
