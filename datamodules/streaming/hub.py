"""Data sets of the Hugging Face hub as image sets."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from datamodules.items import Items
from datamodules.splits import TEST, TRAIN, VAL
from impasto.errors import UserError
from impasto.io.decoding import decode_image
from impasto.io.files import PICTURE, read_bytes
from impasto.persistence import hub

if TYPE_CHECKING:
    from datasets import Dataset, Features

_T = TypeVar("_T")

# Consecutive images that are drawn together for validation and test: as many as a Parquet file on
# the hub has in a group, so that who streams the set need read a few groups only.
RUN = 100
# The usual names of splits.
PARTS = {"train": TRAIN, "val": VAL, "valid": VAL, "validation": VAL, "dev": VAL, "test": TEST}


class Hub:
    """A data set with an image column, downloaded when it is first prepared.

    What is prepared is kept under the data set's id, so later runs need no network.

    Args:
        hub_id: ``owner/name`` on the hub.
        cache: Folder for the download.
        instead: What to do without a network, before "as `root`".
        parts: Which split a split of the hub's becomes; one that is not named is left out. None
            takes the usual names, and draws splits where there is only training.
    """

    def __init__(
        self, hub_id: str, cache: Path, instead: str, parts: dict[str, int] | None = None
    ) -> None:
        self._id = hub_id
        self._cache = cache
        self._todo = f"{instead} as `root`"
        self._parts = PARTS if parts is None else parts

    def fingerprint(self) -> dict[str, object]:
        """Name the data set."""
        return {"hub": self._id, "parts": sorted(self._parts.items())}

    def items(self) -> Items:
        """Download the data set and give its images.

        Raises:
            UserError: There is no network, no such data set, or no image in it.
        """
        splits = known_splits(self._id, self._splits, self._parts)
        sizes = [len(rows) for rows in splits.values()]
        numbers = [self._parts[key] for key in splits]
        starts = np.cumsum([0, *sizes])
        first = next(iter(splits.values()))
        image, label = image_column(self._id, first.features), label_column(first.features)
        tables = [_undecoded(rows, image) for rows in splits.values()]

        def read(number: int) -> NDArray[np.uint8]:
            split = int(np.searchsorted(starts, number, side="right")) - 1
            record = tables[split][int(number - starts[split])][image]
            name = f"{self._id} {number}"
            data = record["bytes"]
            return decode_image(read_bytes(record["path"], PICTURE) if data is None else data, name)

        return Items(
            names=[
                f"{key} {number}" for key, rows in splits.items() for number in range(len(rows))
            ],
            read=read,
            parts=np.repeat(np.array(numbers, np.int8), sizes) if len(set(numbers)) > 1 else None,
            labels=None if label is None else _labels(splits.values(), label),
            classes=None if label is None else list(first.features[label].names),
            run=RUN,
        )

    @cached_property
    def _splits(self) -> "dict[str, Dataset]":
        """All splits of the data set, in order."""
        # Here and not above: importing it takes a second that local files need not wait.
        import datasets

        with asking_hub(self._id, self._todo):
            return dict(datasets.load_dataset(self._id, cache_dir=str(self._cache / "hub")))


@contextlib.contextmanager
def asking_hub(hub_id: str, todo: str) -> Iterator[None]:
    """Turn whatever goes wrong with the hub into a ``UserError``.

    Args:
        hub_id: ``owner/name`` on the hub.
        todo: What to do instead.

    Raises:
        UserError: The hub does not answer, or not as it should.
    """
    import datasets

    with hub.asking(hub_id, todo, (datasets.exceptions.DatasetsError,)):
        yield


def known_splits(source: str, splits: Mapping[str, _T], parts: Mapping[str, int]) -> dict[str, _T]:
    """Leave out splits whose names stand for neither training, validation nor test.

    Raises:
        UserError: None is left.
    """
    known = {str(key): value for key, value in splits.items() if str(key) in parts}
    if not known:
        raise UserError(
            f"{source} has the splits {', '.join(map(str, splits))}, none of which is known",
            f"use a data set with {', '.join(parts)}",
        )
    return known


def _undecoded(rows: "Dataset", image: str) -> "Dataset":
    """Keep only the image column, as bytes, so that every picture is decoded in the same way."""
    import datasets

    return rows.select_columns([image]).cast_column(image, datasets.Image(decode=False))


def image_column(source: str, features: "Features") -> str:
    """Name the column of pictures.

    Raises:
        UserError: There is none.
    """
    import datasets

    for name, feature in features.items():
        if isinstance(feature, datasets.Image):
            return str(name)
    raise UserError(
        f"{source} has no column of images, only {', '.join(features)}",
        "use a data set with an image column",
    )


def label_column(features: "Features") -> str | None:
    """Name the column of class labels, if there is one."""
    import datasets

    labels = (key for key, value in features.items() if isinstance(value, datasets.ClassLabel))
    return next(labels, None)


def _labels(splits: "Iterable[Dataset]", label: str) -> NDArray[np.int64]:
    return np.concatenate([np.asarray(rows[label], np.int64) for rows in splits])
