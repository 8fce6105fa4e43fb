"""Training images decoded when they are needed."""

import itertools
import logging
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.cache.decoding import Decoded, Decoder, decode
from datamodules.cache.image_cache import Items
from datamodules.streaming.map_style import Batch, BatchPlan, Cursor
from datamodules.streaming.shard_sampler import Block, ShardPlan
from impasto.errors import UserError

_log = logging.getLogger(__name__)

_NAMED = 20  # broken images that a stream names


def plan_stream(
    items: Items,
    rows: NDArray[np.int64],
    batch_size: int,
    seed: int,
    flip: bool,
    buffer: int,
    share: tuple[int, int],
) -> BatchPlan | ShardPlan:
    """Plan the order: any for single files; for shards one that reads each from its start.

    Args:
        items: The whole set.
        rows: ``(N,)`` the training split.
        batch_size: Images in a batch.
        seed: Fixes the order and the flips.
        flip: Whether images are flipped.
        buffer: Images among which those of files of many are shuffled.
        share: Rank and number of processes.

    Raises:
        UserError: See `ShardPlan`.
    """
    if items.shards is None:
        return BatchPlan(len(rows), batch_size, seed, flip, *share)
    borders = np.searchsorted(rows, np.append(items.shards, len(items.names)))
    return ShardPlan(np.diff(borders), batch_size, buffer, seed, flip, *share)


class LiveStream:
    """Training batches without end, from the cursor's position on, decoded on the way.

    As `TrainStream`, and by the same plan where images are single files: then the same batches as
    from prepared images, bit for bit. A broken image is named in a warning, and the next of those
    that are decoded with it takes its place; everything after it stays where it was.

    Args:
        items: The whole set.
        rows: ``(N,)`` the training split.
        plan: What each batch holds.
        cursor: Where the stream is; changed by iterating.
        canvas_size: Pixels on a side, n.
        num_workers: Processes that decode.
        pin_memory: Whether batches are put where a GPU fetches them faster.
    """

    def __init__(
        self,
        items: Items,
        rows: NDArray[np.int64],
        plan: BatchPlan | ShardPlan,
        cursor: Cursor,
        canvas_size: int,
        num_workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        self._items = items
        self._rows = rows
        self._plan = plan
        self._cursor = cursor
        self._size = canvas_size
        self._decoder = Decoder(items.read, canvas_size)
        self._num_workers = num_workers
        self._pin_memory = pin_memory
        self._named: set[int] = set()

    def __len__(self) -> int:
        """Return a length that no run reaches; without one, Lightning reads a batch ahead."""
        return 2**31 - 1

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches, as `TrainStream` does.

        Raises:
            UserError: A file of many pictures is gone or damaged, or all images that are decoded
                together are broken.
        """
        if not self._num_workers:
            _log.info("streaming without workers: training waits while pictures are decoded")
        batches = self._mixed if isinstance(self._plan, ShardPlan) else self._single
        for images, numbers in batches(self._cursor.begin(self._plan)):
            target = torch.from_numpy(images)
            batch = {"target": target.pin_memory() if self._pin_memory else target}
            batch["index"] = torch.from_numpy(self._rows[numbers])
            if self._items.labels is not None:
                batch["label"] = torch.from_numpy(self._items.labels[self._rows[numbers]])
            if self._plan.flip:
                batch["flip"] = self._flips(numbers)
            self._cursor.position += 1
            yield batch

    def _flips(self, numbers: NDArray[np.int64]) -> Tensor:
        if isinstance(self._plan, ShardPlan):
            return self._plan.flips(self._cursor.position, numbers)
        return self._plan.flips(self._cursor.position)

    def _single(self, position: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Give batch after batch as it is decoded."""
        assert isinstance(self._plan, BatchPlan)
        plan = self._plan
        to_decode, batches = itertools.tee(map(plan.numbers, itertools.count(position)))
        for decoded, numbers in zip(self._decode(to_decode), batches, strict=True):
            yield self._mended(decoded, numbers)

    def _mixed(self, position: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Give batches of one block of images, while the next one is read."""
        assert isinstance(self._plan, ShardPlan)
        size = self._plan.batch_size
        blocks = self._plan.blocks(position)
        chunks = (chunk for block in self._plan.blocks(position) for chunk in _chunks(block, size))
        to_decode, decoded_numbers = itertools.tee(chunks)
        decoded = map(self._mended, self._decode(to_decode), decoded_numbers)
        now = _Buffer(self._plan.block * size, self._size)
        after = _Buffer(self._plan.block * size, self._size)
        now.begin(next(blocks))
        now.fill(decoded, until=1.0)
        while True:
            assert now.block is not None
            after.begin(next(blocks))
            batches = len(now.block.order) // size
            for number in range(position - now.block.first, batches):
                places = now.block.order[number * size : (number + 1) * size]
                yield now.images[places], now.numbers[places]
                after.fill(decoded, until=(number + 1) / batches)
            now, after = after, now
            assert now.block is not None
            position = now.block.first

    def _decode(self, chunks: Iterator[NDArray[np.int64]]) -> Iterator[Decoded]:
        fetched = (self._items.fetch(self._rows[chunk].tolist()) for chunk in chunks)
        return decode(self._decoder, fetched, self._num_workers)

    def _mended(
        self, decoded: Decoded, numbers: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Put the next readable image in the place of a broken one."""
        if not decoded.broken:
            return decoded.images, numbers
        count = len(numbers)
        if len(decoded.broken) == count:
            raise UserError(
                f"`root`: {count} images in a row cannot be read; the first: {decoded.broken[0]}",
                "see whether the set is where it was; a run can go on from its last checkpoint",
            )
        places = np.arange(count)
        for place in decoded.broken:
            later = ((place + step) % count for step in range(1, count))
            places[place] = next(other for other in later if other not in decoded.broken)
            self._warn(int(self._rows[numbers[place]]), decoded.broken[place])
        return decoded.images[places], numbers[places]

    def _warn(self, row: int, reason: str) -> None:
        if row not in self._named and len(self._named) < _NAMED:
            self._named.add(row)
            last = "; no further ones are named" if len(self._named) == _NAMED else ""
            _log.warning("a broken image is skipped: %s%s", reason, last)


def _chunks(block: Block, size: int) -> Sequence[NDArray[np.int64]]:
    return [block.reading[start : start + size] for start in range(0, len(block.reading), size)]


class _Buffer:
    """Buffer for the images of a block."""

    def __init__(self, count: int, canvas_size: int) -> None:
        self.images = np.zeros((count, 3, canvas_size, canvas_size), np.uint8)
        self.numbers = np.zeros(count, np.int64)
        self.block: Block | None = None
        self._filled = 0

    def begin(self, block: Block) -> None:
        """Empty the buffer for a new block."""
        self.block = block
        self._filled = 0

    def fill(
        self, decoded: Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]], until: float
    ) -> None:
        """Add images until this share of the block is there."""
        assert self.block is not None
        while self._filled < until * len(self.block.reading):
            images, numbers = next(decoded)
            rows = slice(self._filled, self._filled + len(numbers))
            self.images[rows], self.numbers[rows] = images, numbers
            self._filled += len(numbers)
