"""Optimizers and schedules of the networks that learn, and their settings.

A resumed run may change these. A checkpoint restores both with the settings that they were saved
with; without this, a learning rate that was changed on purpose would silently not count.
"""

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from inspect import signature
from typing import Any, NamedTuple

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from impasto.errors import UserError

OptimizerFactory = Callable[[Iterator[nn.Parameter]], Optimizer]
SchedulerFactory = Callable[[Optimizer], LRScheduler]
Settings = dict[str, Any]
_RATES = ("lr", "initial_lr")  # the second is what a schedule starts from


class Learner(NamedTuple):
    """A network that learns, with its optimizer and schedule."""

    network: nn.Module
    optimizer: OptimizerFactory
    scheduler: SchedulerFactory | None


def make_optimizer(learner: Learner) -> Optimizer:
    """Build a network's optimizer.

    Raises:
        UserError: It refuses its settings.
    """
    try:
        return fused(learner.optimizer)(learner.network.parameters())
    except TypeError as error:
        raise UserError(
            f"an optimizer refuses its settings: {error}",
            "leave out what it does not have, by ~ before the key, or choose another optimizer",
        ) from error


def fused(factory: OptimizerFactory) -> OptimizerFactory:
    """Return the factory, fused into one kernel if its kind can be and nothing else is asked."""
    made_by = factory.func if isinstance(factory, partial) else factory
    asked = factory.keywords if isinstance(factory, partial) else {}
    if "fused" not in signature(made_by).parameters or {"fused", "foreach"} & asked.keys():
        return factory
    return partial(factory, fused=True)  # type: ignore[call-arg]


def settings_of(optimizer: Optimizer, scheduler: LRScheduler | None) -> Settings:
    """Record optimizer and schedule as configured: before any step, and before any is loaded."""
    return {
        "optimizer": type(optimizer).__name__,
        "options": dict(optimizer.defaults),
        "scheduler": None if scheduler is None else type(scheduler).__name__,
        "schedule": {} if scheduler is None else copy.deepcopy(scheduler.state_dict()),
        "rates": [{k: g[k] for k in _RATES if k in g} for g in optimizer.param_groups],
    }


def fit_together(saved: Sequence[Settings], here: Sequence[Settings]) -> bool:
    """Return True if one run's states of optimizers and schedules can be loaded into another's."""

    def kinds(settings: Sequence[Settings]) -> list[tuple[str, bool]]:
        return [(one["optimizer"], one["scheduler"] is None) for one in settings]

    return kinds(saved) == kinds(here)


def apply_changes(
    optimizer: Optimizer, scheduler: LRScheduler | None, saved: Settings, here: Settings
) -> bool:
    """Apply settings that differ from the saved ones; change nothing if none does.

    Options are taken as they are now. If the rate or its schedule differs, the rate becomes what
    the present schedule gives after as many updates: schedules are functions of the update number,
    and a run that has changed goes on with the rate that it would have had from its beginning.

    Args:
        optimizer: With the state that was saved.
        scheduler: The same; None keeps the rate.
        saved: Settings of the run that was saved.
        here: Of this one.

    Returns:
        Whether anything was changed.
    """
    options = {
        key: value
        for key, value in here["options"].items()
        if key in saved["options"] and saved["options"][key] != value
    }
    rescheduled = any(saved[key] != here[key] for key in ("scheduler", "schedule", "rates"))
    for group, rates in zip(optimizer.param_groups, here["rates"], strict=True):
        group.update(options | (rates if rescheduled else {}))
    if scheduler is not None and rescheduled:
        _replay(scheduler, here["schedule"])
    return bool(options) or rescheduled


def _replay(scheduler: LRScheduler, fresh: dict[str, Any]) -> None:
    """Restart a schedule from its beginning, and advance it to the present update."""
    updates = scheduler.last_epoch
    scheduler.load_state_dict(copy.deepcopy(fresh))
    advance(scheduler, updates)


def advance(scheduler: LRScheduler, updates: int = 1) -> None:
    """Advance a schedule by so many updates, whether or not the optimizer stepped in each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "before optimizer.step()", and of no more than that
        for _ in range(updates):
            scheduler.step()
