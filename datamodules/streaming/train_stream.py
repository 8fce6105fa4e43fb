"""Training batches without end: the prepared images of a split, or any other source of images."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datamodules.cache.image_cache import ImageCache
from datamodules.items import workers_seeds
from datamodules.streaming.batch_plans import Plan

Batch = dict[str, Tensor]
_T = TypeVar("_T")


class Source(Protocol):
    """Interface of what training images are read from."""

    def batches(
        self, plan: Plan, position: int, num_workers: int, pin_memory: bool
    ) -> Iterator[tuple[NDArray[np.int64], Batch]]:
        """Yield batches without end.

        Args:
            plan: What each holds.
            position: The first one's.
            num_workers: Processes that read; 0 reads in this one.
            pin_memory: Whether batches are put where a GPU fetches them faster.

        Yields:
            The ``(B,)`` numbers of its images within the split, and the batch: ``target``,
            ``index`` and, where the set has labels, ``label``.
        """


class SplitImages(Dataset[Batch]):
    """The prepared images of one split.

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
        batches: int | Iterable[NDArray[np.int64]],
        num_workers: int = 0,
        pin_memory: bool = False,
    ) -> DataLoader[Batch]:
        """Make a loader.

        Args:
            batches: The numbers of each batch; or how many images one has, in the split's order.
            num_workers: Processes that read; 0 reads in this one.
            pin_memory: Whether batches are put where a GPU fetches them faster.
        """
        name = "batch_size" if isinstance(batches, int) else "batch_sampler"
        chosen: dict[str, Any] = {name: batches}
        return DataLoader(
            self,
            num_workers=num_workers,
            pin_memory=pin_memory,
            collate_fn=_as_it_is,
            generator=workers_seeds(),
            **chosen,
        )

    def batches(
        self, plan: Plan, position: int, num_workers: int, pin_memory: bool
    ) -> Iterator[tuple[NDArray[np.int64], Batch]]:
        """Yield batches without end, as `Source` says."""
        to_read, numbers = itertools.tee(map(plan.numbers, itertools.count(position)))
        return zip(numbers, self.loader(to_read, num_workers, pin_memory), strict=True)


def _as_it_is(batch: _T) -> _T:
    return batch


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


class TrainStream:
    """Training batches without end, from the cursor's position on.

    The position is read when iteration starts, so that a checkpoint may set it before, and counted
    before a batch is yielded, so that a checkpoint written during its update counts it.

    Args:
        source: The training split.
        plan: What each batch holds.
        cursor: Where the stream is; changed by iterating.
        num_workers: Processes that read.
        pin_memory: Whether batches are put where a GPU fetches them faster.
    """

    def __init__(
        self,
        source: Source,
        plan: Plan,
        cursor: Cursor,
        num_workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        self._source = source
        self._plan = plan
        self._cursor = cursor
        self._reading = num_workers, pin_memory

    def __len__(self) -> int:
        """Return a length that no run reaches; without one, Lightning reads a batch ahead."""
        return 2**31 - 1

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches; ``flip`` bool ``(B,)`` is added where the plan flips.

        Raises:
            UserError: Images can no longer be read.
        """
        position = self._cursor.begin(self._plan)
        for numbers, batch in self._source.batches(self._plan, position, *self._reading):
            if self._plan.flip:
                batch["flip"] = self._plan.flips(self._cursor.position, numbers)
            self._cursor.position += 1
            yield batch


def apply_flips(batch: Batch) -> Batch:
    """Flip the targets that ``flip`` names left to right, on their device, and drop ``flip``."""
    rest = {key: value for key, value in batch.items() if key != "flip"}
    if "flip" in batch:
        mask = batch["flip"][:, None, None, None]  # (B, 1, 1, 1)
        rest["target"] = torch.where(mask, batch["target"].flip(-1), batch["target"])
    return rest
