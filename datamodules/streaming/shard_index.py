"""Index of shards: the number of pictures in each file, and their labels."""

import contextlib
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from datamodules.files import digest
from datamodules.streaming.hub_files import PARQUET, HubFiles
from impasto.errors import UserError
from impasto.io.files import open_file
from impasto.persistence.atomic import atomic_write

_log = logging.getLogger(__name__)

_VERSION = 1
_THREADS = 8  # which ask for the ends of files at a time


@dataclass(frozen=True)
class ShardIndex:
    """Counts of a set of S files of many pictures.

    Attributes:
        groups: For each file ``(G + 1,)`` int64: where its G groups begin, and its count. A tar
            file is one group.
        labels: ``(N,)`` int64 in the files' order, or None; -1 where one is missing.
    """

    groups: list[NDArray[np.int64]]
    labels: NDArray[np.int64] | None

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """``(S,)``, pictures in each file."""
        return np.array([groups[-1] for groups in self.groups], np.int64)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """``(S + 1,)``, the number of each file's first picture, and N."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    def shard(self, number: int) -> int:
        """Say in which file a picture is."""
        return int(np.searchsorted(self.starts, number, side="right")) - 1

    @classmethod
    def of(cls, files: HubFiles, cache: Path) -> "ShardIndex":
        """Read what was counted before, or count.

        Args:
            files: The files.
            cache: Folder for the counts.

        Raises:
            UserError: A file is damaged, there are no pictures, or ``cache`` cannot be written.
        """
        key = digest({"version": _VERSION, "from": files.fingerprint()})
        path = cache / "counts" / f"{key}.npz"
        if not path.is_file():
            _count(files).save(path)
        with open_file(path) as file, np.load(file) as arrays:
            sizes, groups, labels = arrays["groups_in_file"], arrays["groups"], arrays.get("labels")
        index = cls(np.split(groups, np.cumsum(sizes)[:-1]), labels)
        empty = [path for path, count in zip(files.paths, index.counts, strict=True) if not count]
        if len(empty) == len(files.paths):
            raise UserError(f"{files.source}: there is no picture in its files", "give others")
        if empty:
            _log.warning("%d file(s) hold no picture, such as %s", len(empty), empty[0])
        return index

    def save(self, path: Path) -> None:
        """Write the index."""
        arrays: dict[str, Any] = {
            "groups_in_file": np.array([len(groups) for groups in self.groups], np.int64),
            "groups": np.concatenate(self.groups),
        }
        if self.labels is not None:
            arrays["labels"] = self.labels
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)


Counted = tuple[NDArray[np.int64], NDArray[np.int64] | None]


def _count(files: HubFiles) -> ShardIndex:
    if files.kind != PARQUET and not files.local:
        raise UserError(
            f"{files.source} is kept as tar files, which do not say how many pictures they hold",
            "download them, and give their folder as `root`",
        )
    numbers = range(len(files.paths))
    bar = tqdm(numbers, desc=f"Counting pictures in {files.source}", unit="file")
    if files.kind == PARQUET:
        label = files.label  # looked at before there are threads
        with ThreadPoolExecutor(_THREADS) as pool:
            one = list(pool.map(lambda n: _count_parquet(files.paths[n], label), bar))
    else:
        one = [_count_rows(files, number) for number in bar]
    labels = [found for _, found in one if found is not None]
    whole = len(labels) == len(files.paths)
    return ShardIndex([groups for groups, _ in one], np.concatenate(labels) if whole else None)


def _count_parquet(path: str, label: str | None) -> Counted:
    """Read the counts at a file's end, and its labels, not its pictures."""
    import fsspec
    from pyarrow import parquet

    with shard_errors(path), fsspec.open(path) as handle:
        file = parquet.ParquetFile(handle)
        about = file.metadata
        sizes = [about.row_group(group).num_rows for group in range(about.num_row_groups)]
        labels = None if label is None else file.read([label])[label].fill_null(-1).to_numpy()
    groups = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return groups, None if labels is None else labels.astype(np.int64)


def _count_rows(files: HubFiles, number: int) -> Counted:
    """Read a whole file; a tar file has no other way of telling."""
    labels, count = [], 0
    with shard_errors(files.paths[number]):
        for row in files.stream(number):
            count += 1
            if files.label is not None:
                labels.append(-1 if row[files.label] is None else int(row[files.label]))
    groups = np.array([0, count], np.int64)
    return groups, None if files.label is None else np.array(labels, np.int64)


@contextlib.contextmanager
def shard_errors(path: str) -> Iterator[None]:
    """Turn whatever goes wrong with a file of many pictures into a ``UserError`` with its name.

    Args:
        path: The file.

    Raises:
        UserError: Something went wrong.
    """
    try:
        yield
    except UserError:
        raise
    # Readers of Parquet, tar and HTTP raise what they like; there is no common base class.
    except Exception as error:
        raise trouble(path, f"cannot be read ({_reason(error)})") from error


def trouble(path: str, what: str) -> UserError:
    """Make the error that a file of many pictures is not as it was or should be."""
    todo = "put it back as it was, or get it anew; a run can go on from its last checkpoint"
    return UserError(f"{path}: {what}", todo)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
