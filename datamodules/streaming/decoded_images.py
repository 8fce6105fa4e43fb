"""Training images decoded when they are needed."""

import itertools
import logging
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.items import Decoded, Items
from datamodules.streaming.batch_plans import Plan
from datamodules.streaming.train_stream import Batch
from impasto.errors import UserError

_log = logging.getLogger(__name__)

_NAMED = 20  # broken images that a stream names
_Chunk = tuple[NDArray[np.int64], NDArray[np.uint8]]  # of B images: numbers, (B, 3, H, W)


class DecodedImages:
    """The training images of a set, decoded on the way, as a source of a `TrainStream`.

    By the same plan the batches are the same as from prepared images, bit for bit. A broken image
    is named in a warning, and the next of those that are decoded with it takes its place;
    everything after it stays where it was.

    Args:
        items: The whole set.
        rows: ``(N,)`` the training split, ascending.
        canvas_size: Pixels on a side, n.
    """

    def __init__(self, items: Items, rows: NDArray[np.int64], canvas_size: int) -> None:
        self._items = items
        self._rows = rows
        self._size = canvas_size
        self._named: set[int] = set()

    @property
    def shard_sizes(self) -> NDArray[np.int64] | None:
        """``(S,)`` training images in each file of many; None where each has one of its own."""
        if self._items.shards is None:
            return None
        borders = np.append(self._items.shards, len(self._items.names))
        return np.diff(np.searchsorted(self._rows, borders))

    def batches(
        self, plan: Plan, position: int, num_workers: int, pin_memory: bool
    ) -> Iterator[tuple[NDArray[np.int64], Batch]]:
        """Yield batches without end, as `Source` says.

        Raises:
            UserError: A file of many pictures is gone or damaged, or all images that are decoded
                together are broken.
        """
        if not num_workers:
            _log.info("streaming without workers: training waits while pictures are decoded")
        for numbers, images in self._drawn(plan, position, num_workers):
            target, rows = torch.from_numpy(images), self._rows[numbers]
            batch = {"target": target.pin_memory() if pin_memory else target}
            batch["index"] = torch.from_numpy(rows)
            if self._items.labels is not None:
                batch["label"] = torch.from_numpy(self._items.labels[rows])
            yield numbers, batch

    def _drawn(self, plan: Plan, position: int, workers: int) -> Iterator[_Chunk]:
        """Yield the batches of one block of images, while the next one is read."""
        size = plan.batch_size
        decoded = self._decoded(plan, position, workers)
        # In the order of reading, as many images at a time as there are in a batch.
        chunks: list[_Chunk] = []
        for block, following in itertools.pairwise(plan.blocks(position)):
            batches, ahead = len(block.order) // size, len(following.order) // size
            while len(chunks) < batches:
                chunks.append(next(decoded))
            read: list[_Chunk] = []
            for number in range(position - block.first, batches):
                places = [divmod(int(place), size) for place in block.order[number * size :][:size]]
                numbers = np.array([chunks[chunk][0][place] for chunk, place in places])
                yield numbers, np.stack([chunks[chunk][1][place] for chunk, place in places])
                while len(read) * batches < (number + 1) * ahead:
                    read.append(next(decoded))
            chunks, position = read, following.first

    def _decoded(self, plan: Plan, position: int, workers: int) -> Iterator[_Chunk]:
        """Yield the images of all blocks from a position on, a batch's number at a time."""
        size = plan.batch_size
        chunks = (part for one in plan.blocks(position) for part in one.reading.reshape(-1, size))
        to_decode, numbers = itertools.tee(chunks)
        rows = (self._rows[chunk].tolist() for chunk in to_decode)
        return map(self._mended, numbers, self._items.decode(rows, self._size, workers))

    def _mended(self, numbers: NDArray[np.int64], decoded: Decoded) -> _Chunk:
        """Put the next readable image in the place of a broken one."""
        if not decoded.broken:
            return numbers, decoded.images
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
        return numbers[places], decoded.images[places]

    def _warn(self, row: int, reason: str) -> None:
        if row not in self._named and len(self._named) < _NAMED:
            self._named.add(row)
            last = "; no further ones are named" if len(self._named) == _NAMED else ""
            _log.warning("a broken image is skipped: %s%s", reason, last)
