"""Images decoded and resized once, kept in a memory-mapped file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.io.files import TABLE, check_file, open_file, read_json


def _themselves(numbers: Sequence[int]) -> Sequence[Any]:
    return numbers


@dataclass(frozen=True)
class Items:
    """The images of a set before they are decoded.

    Attributes:
        names: What to call each image in a warning.
        read: Gives an image, ``(H, W, 3)`` uint8 RGB of any size; raises ``UserError`` where it is
            broken. It gets what ``fetch`` gave, in any process.
        parts: ``(N,)`` int8 of TRAIN, VAL or TEST where the set defines its splits.
        labels: ``(N,)`` int64 where the set has labels; -1 where one is missing.
        classes: Names of the labels.
        fetch: Gives what ``read`` needs of some images, by their numbers, in their order; called
            in one process alone. Left out, ``read`` gets the numbers.
        run: How many consecutive images to keep together where splits are drawn; more than 1
            where images are read one after the other.
        shards: ``(S,)`` int64, the number of the first image of each file of many, where images
            have to be read one after the other; None where any one can be.
    """

    names: Sequence[str]
    read: Callable[[Any], NDArray[np.uint8]]
    parts: NDArray[np.int8] | None = None
    labels: NDArray[np.int64] | None = None
    classes: Sequence[str] | None = None
    fetch: Callable[[Sequence[int]], Sequence[Any]] = _themselves
    run: int = 1
    shards: NDArray[np.int64] | None = None


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
