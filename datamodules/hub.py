"""Data sets of the Hugging Face hub as the material of a set."""

import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datamodules.cache import Items
from datamodules.splits import TEST, TRAIN, VAL
from painting.decoding import decode_image
from painting.download import downloading
from painting.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset, Features

_HUB = "https://huggingface.co"
_PARTS = {"train": TRAIN, "val": VAL, "valid": VAL, "validation": VAL, "dev": VAL, "test": TEST}


class Hub:
    """A data set with an image column, downloaded when it is first prepared.

    What is prepared is kept under the data set's id, so later runs need no network.

    Args:
        hub_id: ``owner/name`` on the hub.
        cache: Folder for the download.
        instead: What to do without a network, before "as data.root".
        parts: Which split a split of the hub's becomes; one that is not named is left out. None
            takes the usual names, and draws splits where there is only training.
    """

    def __init__(
        self, hub_id: str, cache: Path, instead: str, parts: dict[str, int] | None = None
    ) -> None:
        self._id = hub_id
        self._cache = cache
        self._todo = f"{instead} as data.root"
        self._parts = _PARTS if parts is None else parts

    def fingerprint(self) -> dict[str, object]:
        """Name the data set."""
        return {"hub": self._id, "parts": sorted(self._parts.items())}

    def items(self) -> Items:
        """Download the data set and give its images.

        Raises:
            UserError: There is no network, no such data set, or no image in it.
        """
        splits = {key: value for key, value in self._splits.items() if key in self._parts}
        if not splits:
            raise UserError(
                f"{self._id} has the splits {', '.join(self._splits)}, none of which is known",
                f"use a data set with {', '.join(self._parts)}",
            )
        sizes = [len(rows) for rows in splits.values()]
        numbers = [self._parts[key] for key in splits]
        starts = np.cumsum([0, *sizes])
        first = next(iter(splits.values()))
        image, label = _image_column(self._id, first.features), _label_column(first.features)
        tables = [_undecoded(rows, image) for rows in splits.values()]

        def read(number: int) -> NDArray[np.uint8]:
            split = int(np.searchsorted(starts, number, side="right")) - 1
            record = tables[split][int(number - starts[split])][image]
            name = f"{self._id} {number}"
            data = record["bytes"]
            return decode_image(Path(record["path"]).read_bytes() if data is None else data, name)

        return Items(
            names=[
                f"{key} {number}" for key, rows in splits.items() for number in range(len(rows))
            ],
            read=read,
            parts=np.repeat(np.array(numbers, np.int8), sizes) if len(set(numbers)) > 1 else None,
            labels=None if label is None else _labels(splits.values(), label),
            classes=None if label is None else list(first.features[label].names),
        )

    @cached_property
    def _splits(self) -> "dict[str, Dataset]":
        """All splits of the data set, in order."""
        # Here and not above: importing it takes a second that local files need not wait.
        import datasets
        from huggingface_hub.errors import HfHubHTTPError

        # The bases of the hub's error are those of the HTTP client that this release of it uses.
        errors = (datasets.exceptions.DatasetsError, *HfHubHTTPError.__bases__)
        url = os.environ.get("HF_ENDPOINT", _HUB)
        with downloading(f"{self._id} (Hugging Face)", [url], self._todo, errors):
            return dict(datasets.load_dataset(self._id, cache_dir=str(self._cache / "hub")))


def _undecoded(rows: "Dataset", image: str) -> "Dataset":
    """Keep only the image column, as bytes, so that every picture is decoded in the same way."""
    import datasets

    return rows.select_columns([image]).cast_column(image, datasets.Image(decode=False))


def _image_column(hub_id: str, features: "Features") -> str:
    import datasets

    for name, feature in features.items():
        if isinstance(feature, datasets.Image):
            return str(name)
    raise UserError(
        f"{hub_id} has no column of images, only {', '.join(features)}",
        "use a data set with an image column",
    )


def _label_column(features: "Features") -> str | None:
    import datasets

    labels = (key for key, value in features.items() if isinstance(value, datasets.ClassLabel))
    return next(labels, None)


def _labels(splits: "Iterable[Dataset]", label: str) -> NDArray[np.int64]:
    return np.concatenate([np.asarray(rows[label], np.int64) for rows in splits])
