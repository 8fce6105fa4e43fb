"""The files of a data set of pictures as the ``datasets`` library sees them."""

import contextlib
import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datamodules.files import fingerprint_files
from datamodules.streaming.hub import asking_hub, image_column, known_splits, label_column
from impasto.errors import UserError

if TYPE_CHECKING:
    from datasets import DatasetBuilder, Features, IterableDataset

PARQUET, TAR = "parquet", "webdataset"
SUFFIXES = {".parquet", ".tar"}


class HubFiles:
    """A folder in the hub's layout, or a data set on the hub; files of many pictures.

    Args:
        source: The folder, or ``owner/name``.
        splits: Which split a split of the files' becomes; one that is not named is left out.
        cache: Folder that the library may write to.
        todo: What to do where they cannot be had.
    """

    def __init__(self, source: Path | str, splits: dict[str, int], cache: Path, todo: str) -> None:
        self.source = source
        self._cache = cache
        self._known = splits
        self._todo = todo

    @property
    def local(self) -> bool:
        """Return True if the data set is a folder on this machine."""
        return isinstance(self.source, Path)

    def fingerprint(self) -> dict[str, object]:
        """Describe the files: by their sizes and times, or by their addresses with the revision."""
        splits = sorted(self._known.items())
        if isinstance(self.source, Path):
            try:
                # The library gives the files of the folder that a link or `..` leads to.
                root = self.source.resolve()
                files = fingerprint_files(root, [Path(path) for path in self.paths])
            except OSError as error:
                raise UserError(
                    f"{error.filename}: cannot be read ({error.strerror})", self._todo
                ) from error
            return {"shards": files, "parts": splits}
        digest = hashlib.sha256("\n".join(self.paths).encode()).hexdigest()
        return {"hub": self.source, "shards": digest, "parts": splits}

    @cached_property
    def paths(self) -> list[str]:
        """Every file, split by split."""
        return [path for split in self._splits for path in self._files_of(split)]

    @cached_property
    def parts(self) -> NDArray[np.int8]:
        """``(S,)``, TRAIN, VAL or TEST for every file."""
        counts = [len(self._files_of(split)) for split in self._splits]
        return np.repeat(np.array([self._known[key] for key in self._splits], np.int8), counts)

    @property
    def kind(self) -> str:
        """``parquet`` or ``webdataset``."""
        return type(self._builder).__module__.rpartition(".")[2]

    @property
    def image(self) -> str:
        """The column of pictures."""
        return image_column(str(self.source), self.features)

    @property
    def label(self) -> str | None:
        """The column of labels, if there is one; in WebDataset files it is called ``cls``."""
        column = label_column(self.features)
        cls = self.features.get("cls")
        if column is None and self.kind == TAR and getattr(cls, "dtype", None) == "int64":
            return "cls"
        return column

    @property
    def classes(self) -> list[str] | None:
        """Names of the labels, where they have names."""
        column = self.label
        names = None if column is None else getattr(self.features[column], "names", None)
        return None if names is None else list(names)

    @cached_property
    def features(self) -> "Features":
        """The columns."""
        return next(iter(self._streams.values())).features

    def stream(self, number: int) -> "IterableDataset":
        """Give the rows of one file, pictures undecoded."""
        import datasets

        for split in self._splits:
            count = len(self._files_of(split))
            if number < count:
                rows = self._streams[split].shard(num_shards=count, index=number)
                columns = [name for name in (self.image, self.label) if name]
                rows = rows.select_columns(columns)
                return rows.cast_column(self.image, datasets.Image(decode=False))
            number -= count
        raise IndexError(number)

    def _files_of(self, split: str) -> list[str]:
        return [str(path) for path in self._builder.config.data_files[split]]

    @cached_property
    def _splits(self) -> list[str]:
        return list(known_splits(str(self.source), self._builder.config.data_files, self._known))

    @cached_property
    def _streams(self) -> "dict[str, IterableDataset]":
        with self._looking():
            return {key: self._builder.as_streaming_dataset(key) for key in self._splits}

    @cached_property
    def _builder(self) -> "DatasetBuilder":
        import datasets

        with self._looking():
            builder = datasets.load_dataset_builder(
                str(self.source), cache_dir=str(self._cache / "hub")
            )
        kind = type(builder).__module__.rpartition(".")[2]
        if kind not in (PARQUET, TAR):
            raise UserError(
                f"{self.source} is kept as {kind}, which cannot be streamed",
                "leave `streaming` out, or use a set of .parquet or .tar files",
            )
        return builder

    @contextlib.contextmanager
    def _looking(self) -> Iterator[None]:
        """Turn whatever goes wrong into a ``UserError``."""
        if not isinstance(self.source, Path):
            with asking_hub(self.source, self._todo):
                yield
            return
        try:
            yield
        except UserError:
            raise
        # What the library's readers raise on files that are no Parquet or WebDataset files; it has
        # no common base class for them, nor have the libraries below it.
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(
                f"`root={self.source}`: no set of pictures in .parquet or .tar files ({reason})",
                self._todo,
            ) from error
