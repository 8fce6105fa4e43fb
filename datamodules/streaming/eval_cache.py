"""Held-out images, which are prepared even when the rest of a set is streamed."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.cache.decoding import Decoder
from datamodules.cache.image_cache import ImageCache, Items
from datamodules.cache.prepare import prepare
from impasto.errors import UserError


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
            given = self._items.fetch(rows[~prepared].tolist())
            decoded = Decoder(self._items.read, self._size).__getitems__(given)
            for reason in decoded.broken.values():
                raise UserError(f"`root`: {reason}", "mend it, or leave `streaming` out")
            images[~prepared] = decoded.images
        return torch.from_numpy(images)


def prepare_held_out(
    cache: Path,
    name: str,
    canvas_size: int,
    fingerprint: Mapping[str, object],
    items: Items,
    rows: NDArray[np.int64],
) -> HeldOut:
    """Open what is prepared of some images of a set, or prepare it.

    Args:
        cache: As in `prepare`, like the next three.
        name: The set's name.
        canvas_size: Pixels on a side.
        fingerprint: What goes into the whole set.
        items: The whole set.
        rows: ``(M,)`` which images, ascending.

    Raises:
        UserError: See `prepare`.
    """

    def fetch(numbers: Sequence[int]) -> Sequence[Any]:
        return items.fetch([int(row) for row in rows[np.asarray(numbers)]])

    def load() -> Items:
        names = [items.names[int(row)] for row in rows]
        return replace(items, names=names, fetch=fetch, parts=None, labels=None, shards=None)

    which = hashlib.sha256(np.asarray(rows, "<i8").tobytes()).hexdigest()
    about = {**fingerprint, "held out": which}
    prepared = prepare(cache, f"{name}-held-out", canvas_size, about, load)
    return HeldOut(prepared.folder, items, rows, canvas_size)
