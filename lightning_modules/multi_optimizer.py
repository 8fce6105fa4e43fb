"""Modules whose updates step several networks, each with an optimizer and a schedule of its own."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from impasto.errors import UserError
from impasto.runtime.precision import full_precision
from lightning_modules.acceleration import OptimizerFactory, fused
from lightning_modules.base import Metrics, Pair, UpdateModule
from lightning_modules.optimizer_settings import advance

SchedulerFactory = Callable[[Optimizer], LRScheduler]


class Learner(NamedTuple):
    """A network that learns, with its optimizer and schedule."""

    network: nn.Module
    optimizer: OptimizerFactory
    scheduler: SchedulerFactory | None


class SteppingModule(UpdateModule):
    """Base of modules that step each network's optimizer themselves.

    Args:
        updates: See `UpdateModule`.
        seed: See there.

    Attributes:
        networks_that_learn: By name; one without parameters that learn is left out.
    """

    def __init__(self, updates: int, seed: int = 0) -> None:
        super().__init__(updates, seed)
        self.automatic_optimization = False
        self.networks_that_learn: dict[str, Learner] = {}

    def register_learners(self, learners: Mapping[str, Learner]) -> None:
        """Register the networks that learn; one without parameters to learn is left out."""
        self.networks_that_learn = {
            name: learner
            for name, learner in learners.items()
            if any(parameter.requires_grad for parameter in learner.network.parameters())
        }

    def configure_optimizers(self) -> Any:
        """Build one optimizer per network that learns, each with a schedule in updates."""
        pairs: list[Pair] = []
        for learner in self.networks_that_learn.values():
            optimizer = _made(learner)
            scheduler = None if learner.scheduler is None else learner.scheduler(optimizer)
            pairs.append((optimizer, scheduler))
        return self.schedule(pairs)

    def optimizer_of(self, name: str) -> Any:
        """Return Lightning's wrapper of a network's optimizer, which counts and scales steps."""
        return _as_list(self.optimizers())[list(self.networks_that_learn).index(name)]

    def descend(self, name: str, loss: Tensor) -> None:
        """Make one step of one network's optimizer."""
        optimizer = self.optimizer_of(name)
        optimizer.zero_grad()
        with full_precision(loss):  # each gradient in the type that its value had
            self.manual_backward(loss)
        optimizer.step()
        # A training step is one context of autocast, which would go on with the weights of before.
        torch.clear_autocast_cache()

    def count_update(self, metrics: Metrics) -> None:
        """Count one update; every schedule advances, also that of a network that made no step."""
        for scheduler in _as_list(self.lr_schedulers() or []):
            advance(scheduler)
        super().count_update(metrics)


def _made(learner: Learner) -> Optimizer:
    try:
        return fused(learner.optimizer)(learner.network.parameters())
    except TypeError as error:
        raise UserError(
            f"an optimizer refuses its settings: {error}",
            "leave out what it does not have, by ~ before the key, or choose another optimizer",
        ) from error


def _as_list(one_or_more: Any) -> list[Any]:
    """Return a list, where Lightning returns a single thing bare and only several as a list."""
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]
