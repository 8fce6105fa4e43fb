"""Endless order of the training images, a function of the seed and a position."""

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from datamodules.cache.image_cache import ImageCache

Batch = dict[str, Tensor]
_T = TypeVar("_T")


class SplitImages(Dataset[Batch]):
    """The images of one split.

    An item is a dict: ``target`` uint8 ``(3, H, W)``, ``index`` int64 (the row in the cache) and,
    where the set has labels, ``label`` int64. A batch is read at once, without a loop over images.

    Args:
        cache: The prepared set.
        rows: ``(N,)`` the split's rows.
    """

    def __init__(self, cache: ImageCache, rows: NDArray[np.int64]) -> None:
        self.cache = cache
        self.rows = rows

    def __len__(self) -> int:
        """Count the images."""
        return len(self.rows)

    def __getitem__(self, number: int) -> Batch:
        """Give one image."""
        return {key: value[0] for key, value in self.__getitems__([number]).items()}

    def __getitems__(self, numbers: Sequence[int] | NDArray[np.int64]) -> Batch:
        """Give a batch, its tensors stacked along the first dimension."""
        rows = self.rows[np.asarray(numbers, np.int64)]
        batch = {"target": self.cache.read(rows), "index": torch.from_numpy(rows)}
        if self.cache.labels is not None:
            batch["label"] = torch.from_numpy(self.cache.labels[rows])
        return batch

    def loader(
        self,
        batch_size: int,
        num_workers: int = 0,
        pin_memory: bool = False,
        order: Sampler[NDArray[np.int64]] | None = None,
    ) -> DataLoader[Batch]:
        """Make a loader; its batches are in the split's order, or in an order that is given.

        Args:
            batch_size: Images in a batch, where no order is given.
            num_workers: Processes that read; 0 reads in this one.
            pin_memory: Whether batches are put where a GPU fetches them faster.
            order: Gives the numbers of each batch.
        """
        chosen = {"batch_size": batch_size} if order is None else {"batch_sampler": order}
        return DataLoader(
            self,
            num_workers=num_workers,
            pin_memory=pin_memory,
            collate_fn=_as_it_is,
            # A loader draws its workers' seeds; from a generator of its own it leaves the global
            # one, and with it the run, the same for every number of workers.
            generator=torch.Generator().manual_seed(0),
            **chosen,
        )


def _as_it_is(batch: _T) -> _T:
    return batch


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
        self._seed = seed
        self._share = slice(rank * batch_size, (rank + 1) * batch_size)
        self.together = batch_size * world
        self._passes, self._batches = self._epoch_of(self.together)
        # Two epochs: workers read ahead across the border.
        self._epoch = functools.lru_cache(maxsize=2)(self._draw_epoch)

    def numbers(self, position: int) -> NDArray[np.int64]:
        """Give the ``(B,)`` numbers within the split of the batch at a position."""
        return self._cut(0, position)

    def flips(self, position: int) -> Tensor:
        """Give the ``(B,)`` bools of the batch at a position, True where an image is flipped."""
        return torch.from_numpy(self._cut(1, position).astype(bool))

    def _epoch_of(self, together: int) -> tuple[int, int]:
        """Passes and batches in an epoch, of so many images at a time over all ranks."""
        passes = -(-together // self.count)
        return passes, passes * self.count // together

    def position_after(self, position: int, together: int) -> int:
        """Return the position to go on from after batches of another size or number of ranks.

        Passes are the same permutations whatever is cut out of them. So the batch that the next
        image lies in comes next: fewer than one batch of images is seen again in that epoch, and
        none is left out.

        Args:
            position: Batches drawn so far.
            together: Images in each of them, over all ranks.
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


class Plan(Protocol):
    """Interface of an order of training batches."""

    @property
    def together(self) -> int:
        """Images in a batch, over all ranks."""

    def position_after(self, position: int, together: int) -> int:
        """Return the position to go on from after batches of another size or number of ranks."""


@dataclass
class Cursor:
    """Position in training: the number of batches drawn, and the images in each.

    Attributes:
        position: Batches.
        together: Images in each, over all ranks; None before the first.
    """

    position: int = 0
    together: int | None = None

    def begin(self, plan: Plan) -> int:
        """Continue by a plan, whose batches may be of another size; return the position in it."""
        if self.together is not None:
            self.position = plan.position_after(self.position, self.together)
        self.together = plan.together
        return self.position


@dataclass(frozen=True)
class _Order(Sampler[NDArray[np.int64]]):
    """The plan's batches from a position on, without end."""

    plan: BatchPlan
    start: int

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return map(self.plan.numbers, itertools.count(self.start))


class TrainStream:
    """Training batches without end, from the cursor's position on.

    The position is read when iteration starts, so that a checkpoint may set it before, and counted
    before a batch is yielded, so that a checkpoint written during its update counts it.

    Args:
        images: The training split.
        plan: What each batch holds.
        cursor: Where the stream is; changed by iterating.
        num_workers: Processes that read.
        pin_memory: Whether batches are put where a GPU fetches them faster.
    """

    def __init__(
        self,
        images: SplitImages,
        plan: BatchPlan,
        cursor: Cursor,
        num_workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        self._images = images
        self._plan = plan
        self._cursor = cursor
        self._num_workers = num_workers
        self._pin_memory = pin_memory

    def __len__(self) -> int:
        """Return a length that no run reaches; without one, Lightning reads a batch ahead."""
        return 2**31 - 1

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches; ``flip`` bool ``(B,)`` is added where the plan flips."""
        order = _Order(self._plan, self._cursor.begin(self._plan))
        workers, pin = self._num_workers, self._pin_memory
        for batch in self._images.loader(1, workers, pin, order):
            if self._plan.flip:
                batch["flip"] = self._plan.flips(self._cursor.position)
            self._cursor.position += 1
            yield batch


def apply_flips(batch: Batch) -> Batch:
    """Flip the targets that ``flip`` names left to right, on their device, and drop ``flip``."""
    rest = {key: value for key, value in batch.items() if key != "flip"}
    if "flip" in batch:
        mask = batch["flip"][:, None, None, None]  # (B, 1, 1, 1)
        rest["target"] = torch.where(mask, batch["target"].flip(-1), batch["target"])
    return rest
