"""Sets kept as Parquet or WebDataset tar files, read one file after the other."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from datamodules.items import Items
from datamodules.streaming.hub import RUN
from datamodules.streaming.hub_files import HubFiles
from datamodules.streaming.shard_index import ShardIndex, shard_errors, trouble
from impasto.io.decoding import decode_image
from impasto.io.files import PICTURE, read_bytes

if TYPE_CHECKING:
    from datasets import IterableDataset


class Shards:
    """Pictures in files of many, in a folder or on the Hugging Face hub.

    They are counted once; the counts are kept in ``cache``. Nothing else is kept.

    Args:
        files: The files.
        cache: Folder for the counts.
    """

    def __init__(self, files: HubFiles, cache: Path) -> None:
        self._files = files
        self._cache = cache
        self._open: tuple[int, int, Iterator[Mapping[str, Any]]] | None = None

    def fingerprint(self) -> Mapping[str, object]:
        """Name the files.

        Raises:
            UserError: They cannot be looked at.
        """
        return self._files.fingerprint()

    def items(self) -> Items:
        """Give the pictures, which can only be fetched in their order without waste.

        Raises:
            UserError: A file is damaged, or holds no pictures.
        """
        labels, number = self._index.labels, self._files.parts
        parts = np.repeat(number, self._index.counts)
        return Items(
            names=_Names(self),
            read=_read,
            parts=parts if len(set(parts.tolist())) > 1 else None,
            labels=labels,
            classes=None if labels is None else self._files.classes,
            fetch=self._fetch,
            run=RUN,
            shards=self._index.starts[:-1],
        )

    @cached_property
    def _index(self) -> ShardIndex:
        return ShardIndex.of(self._files, self._cache)

    def __len__(self) -> int:
        """Count the pictures."""
        return int(self._index.starts[-1])

    def name(self, number: int) -> str:
        """Say in which file a picture is, and where."""
        shard = self._index.shard(number)
        return f"{self._files.paths[shard]} {number - int(self._index.starts[shard])}"

    def _fetch(self, numbers: Sequence[int]) -> list[tuple[str, bytes]]:
        """Read pictures, each a name and its file's bytes; ascending numbers come fastest."""
        return [self._fetch_one(int(number)) for number in numbers]

    def _fetch_one(self, number: int) -> tuple[str, bytes]:
        shard = self._index.shard(number)
        place = number - int(self._index.starts[shard])
        path = self._files.paths[shard]
        with shard_errors(path):
            rows, at = self._rows_before(shard, place)
            row = next(itertools.islice(rows, place - at, None), None)
            self._open = (shard, place + 1, rows)
        if row is None:
            raise trouble(path, "has fewer pictures than when they were counted")
        record = row[self._files.image] or {"bytes": b""}
        data = record["bytes"]
        return self.name(number), read_bytes(record["path"], PICTURE) if data is None else data

    def _rows_before(self, shard: int, place: int) -> tuple[Iterator[Mapping[str, Any]], int]:
        """Give the rows of a file from a place on that is not after ``place``, and that place."""
        groups = self._index.groups[shard]  # (G + 1,), where each group begins
        group = int(np.searchsorted(groups[:-1], place, side="right")) - 1
        if self._open is not None:
            opened, at, rows = self._open
            # Reading on is cheaper than opening anew, unless a whole group can be left out.
            if opened == shard and at <= place and (at == place or at >= groups[group]):
                return rows, at
        stream = self._files.stream(shard)
        if group == 0:
            return iter(stream), 0
        return iter(_from_group(stream, group)), int(groups[group])


def _from_group(stream: "IterableDataset", group: int) -> Iterator[Mapping[str, Any]]:
    """Give the rows of one Parquet file from a group on, without reading those before."""
    groups = stream.reshard()
    for number in range(group, groups.num_shards):
        yield from groups.shard(num_shards=groups.num_shards, index=number)


def _read(given: tuple[str, bytes]) -> NDArray[np.uint8]:
    name, data = given
    return decode_image(data, name)


class _Names(Sequence[str]):
    """Names of the pictures, made when asked for, since there may be millions."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    def __len__(self) -> int:
        return len(self._shards)

    def __getitem__(self, number: Any) -> Any:
        return self._shards.name(number)
