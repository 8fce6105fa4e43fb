"""Images decoded and resized once, kept in a memory-mapped file."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.items import Items
from impasto.errors import UserError
from impasto.io.files import TABLE, check_file, open_file, read_json


class ImageCache:
    """A prepared set: ``images.npy`` ``(N, 3, H, W)`` uint8 and what is known of each image.

    The file is mapped, never loaded: what is read counts as file memory, which the system takes
    back when it needs it. A worker process opens it anew.

    Args:
        folder: A folder that ``prepare`` made.

    Attributes:
        valid: ``(N,)`` bool, False for a broken image, whose row is black.
        parts: As in ``Items``.
        labels: As in ``Items``.
        classes: As in ``Items``.
        skipped: Names of the broken images.
        run: As in ``Items``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        about = read_json(folder / "cache.json", TABLE)
        self.classes: list[str] | None = about["classes"]
        self.skipped: list[str] = [entry["name"] for entry in about["skipped"]]
        self.run: int = about.get("run", 1)
        with open_file(folder / "items.npz") as file, np.load(file) as items:
            self.valid: NDArray[np.bool_] = items["valid"]
            self.parts: NDArray[np.int8] | None = items.get("parts")
            self.labels: NDArray[np.int64] | None = items.get("labels")
        self._images: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        """Count the rows, broken images included."""
        return len(self.valid)

    def __getstate__(self) -> dict[str, object]:
        """Leave the mapping out of a pickle, which would hold the whole file."""
        return {**self.__dict__, "_images": None}

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """Copy images out of the file.

        Args:
            rows: ``(B,)`` row numbers.

        Returns:
            ``(B, 3, H, W)`` uint8.
        """
        if self._images is None:
            check_file(self.folder / "images.npy")
            self._images = np.load(self.folder / "images.npy", mmap_mode="r")
        return torch.from_numpy(np.asarray(self._images[rows]))


class HeldOut(ImageCache):
    """Validation and test images, under the numbers that they have in the whole set.

    Args:
        folder: Where they are.
        items: The whole set.
        rows: ``(M,)`` their numbers in it, ascending.
        canvas_size: Pixels on a side.
    """

    def __init__(
        self, folder: Path, items: Items, rows: NDArray[np.int64], canvas_size: int
    ) -> None:
        super().__init__(folder)
        self._items: Items | None = items
        self._size = canvas_size
        valid = np.ones(len(items.names), bool)  # of the others it shows when they are read
        valid[rows] = self.valid
        self.valid = valid
        self.parts, self.labels = items.parts, items.labels
        self.classes = None if items.classes is None else list(items.classes)
        self._rows = rows

    def __getstate__(self) -> dict[str, object]:
        """Leave out of a pickle what decodes the rest, which may be open files."""
        return {**super().__getstate__(), "_items": None}

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """Copy images out of the file; those that are not in it are decoded, slowly.

        Raises:
            UserError: One of these is broken.
        """
        places = np.minimum(np.searchsorted(self._rows, rows), len(self._rows) - 1)
        prepared = self._rows[places] == rows
        images = np.zeros((len(rows), 3, self._size, self._size), np.uint8)
        images[prepared] = super().read(places[prepared]).numpy()
        if not prepared.all():
            assert self._items is not None
            decoded = next(self._items.decode([rows[~prepared].tolist()], self._size))
            for reason in decoded.broken.values():
                raise UserError(f"`root`: {reason}", "mend it, or leave `streaming` out")
            images[~prepared] = decoded.images
        return torch.from_numpy(images)
