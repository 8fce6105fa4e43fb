"""Endless order of the training images, a function of the seed and a position."""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import UserError


@dataclass(frozen=True)
class Block:
    """Images of some batches, read in one order and drawn in another.

    Attributes:
        first: Position of the first of its K batches.
        reading: ``(K * B,)`` numbers within the split in the order of the files.
        order: ``(K * B,)`` the places in ``reading`` in the order of handing out.
    """

    first: int
    reading: NDArray[np.int64]
    order: NDArray[np.int64]


class Plan(Protocol):
    """Interface of an order of training batches.

    Attributes:
        flip: Whether images are flipped.
        batch_size: Images in a batch, B.
        together: Images in a batch, over all ranks.
    """

    flip: bool
    batch_size: int
    together: int

    def numbers(self, position: int) -> NDArray[np.int64]:
        """Return the ``(B,)`` numbers within the split of the batch at a position."""

    def flips(self, position: int, numbers: NDArray[np.int64]) -> Tensor:
        """Return the ``(B,)`` bools of the batch at a position, True where an image is flipped.

        Args:
            position: Batches before it.
            numbers: ``(B,)`` its images; where one is broken, what takes its place.
        """

    def blocks(self, position: int) -> Iterator[Block]:
        """Yield the block of the batch at a position, and those after it, without end."""

    def position_after(self, position: int, together: int) -> int:
        """Return the position to go on from after batches of another size or number of ranks.

        Args:
            position: Batches drawn so far.
            together: Images in each of them, over all ranks.
        """


class BatchPlan:
    """Plan of the training batches: the images of the k-th, and which of them are flipped.

    A pass is one permutation of the set, drawn from (seed, pass); an image's flip is drawn from
    (seed, pass, number). An epoch is one pass, or as many as fill a batch where the set is smaller
    than one, and drops the last batch if it is not full.

    Args:
        count: Images in the split.
        batch_size: Images in a batch, B.
        seed: Fixes the order and the flips.
        flip: Whether images are flipped.
        rank: Which of ``world`` processes this is; each takes its own share.
        world: How many processes train together.
    """

    def __init__(
        self, count: int, batch_size: int, seed: int, flip: bool, rank: int = 0, world: int = 1
    ) -> None:
        self.count = count
        self.flip = flip
        self.batch_size = batch_size
        self._seed = seed
        self._share = slice(rank * batch_size, (rank + 1) * batch_size)
        self.together = batch_size * world
        self._passes, self._batches = self._epoch_of(self.together)
        # Two epochs: workers read ahead across the border.
        self._epoch = functools.lru_cache(maxsize=2)(self._draw_epoch)

    def numbers(self, position: int) -> NDArray[np.int64]:
        """Give the ``(B,)`` numbers within the split of the batch at a position."""
        return self._cut(0, position)

    def flips(self, position: int, numbers: NDArray[np.int64]) -> Tensor:
        """Give the flips of the batch at a position, by place: ``(B,)`` bool."""
        return torch.from_numpy(self._cut(1, position).astype(bool))

    def blocks(self, position: int) -> Iterator[Block]:
        """Give blocks of one batch each: images of their own can be read in any order."""
        for number in itertools.count(position):
            yield Block(number, self.numbers(number), np.arange(self.batch_size))

    def _epoch_of(self, together: int) -> tuple[int, int]:
        """Passes and batches in an epoch, of so many images at a time over all ranks."""
        passes = -(-together // self.count)
        return passes, passes * self.count // together

    def position_after(self, position: int, together: int) -> int:
        """Return the position to go on from after batches of another size or number of ranks.

        Passes are the same permutations whatever is cut out of them. So the batch that the next
        image lies in comes next: fewer than one batch of images is seen again in that epoch, and
        none is left out.
        """
        if together == self.together:
            return position
        passes, batches = self._epoch_of(together)
        epoch, batch = divmod(position, batches)
        images = epoch * passes * self.count + batch * together  # whole passes, and images of one
        epoch, start = divmod(images, self._passes * self.count)
        return epoch * self._batches + min(start // self.together, self._batches)

    def _cut(self, which: int, position: int) -> NDArray[np.int64]:
        epoch, batch = divmod(position, self._batches)
        start = batch * self.together
        return self._epoch(epoch)[which, start : start + self.together][self._share]

    def _draw_epoch(self, epoch: int) -> NDArray[np.int64]:
        """Draw the numbers and the flips of an epoch, ``(2, passes * count)``."""
        drawn = []
        for number in range(epoch * self._passes, (epoch + 1) * self._passes):
            order = np.random.default_rng([self._seed, number, 0]).permutation(self.count)
            flips = np.random.default_rng([self._seed, number, 1]).random(self.count) < 0.5
            drawn.append(np.stack([order, flips[order].astype(np.int64)]))
        return np.concatenate(drawn, axis=1)


class ShardPlan:
    """Plan of the training batches of a set in shards, where a file is best read from its start.

    A pass goes through the files in an order drawn from (seed, pass). Its images are cut into one
    share of neighbours for each of ``world`` processes, so that each reads files of its own, but
    for those at the borders. A share is cut into blocks of half the buffer, and each is shuffled,
    drawn from (seed, pass, rank, block): while one is in use, the next is read. What is over at
    the end of a share is left out in that pass. A batch is so a function of its position, and
    to go on at any position, one block has to be read.

    Args:
        sizes: ``(S,)`` images of the split in each file; an image's number counts through them.
        batch_size: Images in a batch, B.
        buffer: Images in two blocks.
        seed: Fixes the order and the flips.
        flip: Whether images are flipped.
        rank: Which of ``world`` processes this is.
        world: How many processes train together.

    Raises:
        UserError: The buffer is smaller than two batches, or the split than a batch of each
            process.
    """

    def __init__(
        self,
        sizes: NDArray[np.int64],
        batch_size: int,
        buffer: int,
        seed: int,
        flip: bool,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if buffer < 2 * batch_size:
            raise UserError(
                f"`shuffle_buffer={buffer}` is smaller than two batches of {batch_size}",
                f"give {2 * batch_size} or more",
            )
        self.flip = flip
        self.batch_size = batch_size
        self.block = buffer // 2 // batch_size  # batches
        self._sizes = sizes
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._seed = seed
        self._rank = rank
        self._share = int(self._starts[-1]) // world
        self._batches = self._share // batch_size  # in a pass
        self.together = batch_size * world
        if not self._batches:
            raise UserError(
                f"`streaming=true`: {self._starts[-1]} training images in files of many are "
                f"too few for {world} batch(es) of {batch_size}",
                "leave `streaming` out, or give a smaller `batch_size`",
            )
        # Two passes of a file's order; the block in use and the one that is read.
        self._files = functools.lru_cache(maxsize=2)(self._draw_files)
        self._flips = functools.lru_cache(maxsize=2)(self._draw_flips)
        self._cut = functools.lru_cache(maxsize=2)(self._cut_block)

    def position_after(self, position: int, together: int) -> int:
        """Return the position to go on from after batches of another size or number of ranks.

        Another number of ranks has other shares, so that no place is the same: it goes on as far
        into the pass as it was, and in that pass some images come twice and others not at all.
        """
        if together == self.together:
            return position
        number, batch = divmod(position, max(1, int(self._starts[-1]) // together))
        images = batch * together
        return number * self._batches + min(images // self.together, self._batches)

    def blocks(self, position: int) -> Iterator[Block]:
        """Give the block of the batch at a position, and those after it, without end."""
        number, batch = divmod(position, self._batches)
        start = batch // self.block
        for each in itertools.count(number):
            for block in range(start, -(-self._batches // self.block)):
                yield self._cut(each, block)
            start = 0

    def numbers(self, position: int) -> NDArray[np.int64]:
        """Give the ``(B,)`` numbers within the split of the batch at a position."""
        block = next(self.blocks(position))
        start = (position - block.first) * self.batch_size
        return block.reading[block.order[start : start + self.batch_size]]

    def flips(self, position: int, numbers: NDArray[np.int64]) -> Tensor:
        """Say which images of the batch at a position are flipped, ``(B,)`` bool."""
        return torch.from_numpy(self._flips(position // self._batches)[numbers])

    def _cut_block(self, number: int, block: int) -> Block:
        start = block * self.block * self.batch_size
        end = min(start + self.block * self.batch_size, self._batches * self.batch_size)
        places = self._rank * self._share + np.arange(start, end)
        files, ends = self._files(number)
        which = np.searchsorted(ends, places, side="right")
        reading = places - (ends - self._sizes[files])[which] + self._starts[files[which]]
        generator = np.random.default_rng([self._seed, number, 2, self._rank, block])
        order = generator.permutation(len(reading))
        return Block(number * self._batches + block * self.block, reading, order)

    def _draw_files(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw the order of the files in a pass, and where each of them ends in it."""
        files = np.random.default_rng([self._seed, number, 0]).permutation(len(self._sizes))
        return files, np.cumsum(self._sizes[files])

    def _draw_flips(self, number: int) -> NDArray[np.bool_]:
        count = int(self._starts[-1])
        return np.random.default_rng([self._seed, number, 1]).random(count, np.float32) < 0.5
