"""Targets of a painting agent, by update."""

from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from typing import Protocol, runtime_checkable

import torch

from datamodules.streaming.train_stream import Batch, apply_flips


@runtime_checkable
class Agent(Protocol):
    """Interface of what learns from rollouts.

    Attributes:
        updates: How many it makes in all.
        update_count: How many it has made.
        device: Where it learns.
        rollouts_due: How many rollouts its next update waits for.
    """

    updates: int
    update_count: int

    @property
    def device(self) -> torch.device:
        """Return the device."""

    @property
    def rollouts_due(self) -> int:
        """Return the number of rollouts."""


class Rollouts:
    """Loader of one item per update: the batches of targets of the rollouts that are due before it.

    An item is an iterator, as the replay is filled by many rollouts before the first update. Its
    batches lie on the agent's device, flips made.

    Args:
        targets: Batches of targets, without end.
        agent: Who paints them.
        repeated: How many batches are all that there is, again and again; 0 for as many as come.
    """

    def __init__(self, targets: Iterable[Batch], agent: Agent, repeated: int = 0) -> None:
        self._targets = targets
        self._agent = agent
        self._repeated = repeated
        self._iterator: Iterator[Batch] | None = None

    def __len__(self) -> int:
        """Return the number of the run's updates."""
        return self._agent.updates

    def __iter__(self) -> Iterator[Iterator[Batch]]:
        """Yield the items of the updates that are left."""
        if self._iterator is None:
            batches = map(self._brought, self._targets)
            self._iterator = cycle(islice(batches, self._repeated)) if self._repeated else batches
        while self._agent.update_count < self._agent.updates:
            yield islice(self._iterator, self._agent.rollouts_due)

    def _brought(self, batch: Batch) -> Batch:
        """Bring a batch to the agent's device, and flip it there."""
        device = self._agent.device
        return apply_flips({key: one.to(device, non_blocking=True) for key, one in batch.items()})
