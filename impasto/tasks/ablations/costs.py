"""Costs of a plan's runs, by a trial of a small batch of each."""

import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from impasto.tasks.ablations.plan import Job
from impasto.tasks.runs.markup import markdown_table
from lightning_modules.agents.off_policy import OffPolicyAgent
from lightning_modules.renderers.base import RendererModule

BATCH = 4  # of a trial; half of it says what grows with the batch
_GIGA, _HOUR = 1e9, 3600.0
_ADAM = 3  # numbers beside each that is learned: its gradient and two means


@dataclass(frozen=True)
class Trial:
    """Trial of a run: what learns, made for a batch of `BATCH`, and the run's own numbers.

    Attributes:
        module: With a replay of `BATCH` episodes, if it has one.
        updates: Of the run.
        batch_size: Of an update.
        episodes: Of the replay.
    """

    module: OffPolicyAgent | RendererModule
    updates: int
    batch_size: int
    episodes: int


@dataclass(frozen=True)
class Cost:
    """Cost of a run: `memory` in bytes, pictures read ahead left out, and `seconds`."""

    memory: float
    seconds: float


def tabulate(jobs: Sequence[Job], build: Callable[[Sequence[str]], Trial], at_once: int) -> str:
    """Measure each run that differs in more than its seed, and return the table, as Markdown.

    Args:
        jobs: All runs of a plan.
        build: Makes the trial of a run's overrides.
        at_once: How many are made side by side.

    Raises:
        UserError: A run can't be built.
    """
    seeds: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        words = tuple(w for w in job.overrides if not w.startswith(("seed=", "renderer.weights=")))
        seeds.setdefault(words, []).append(job)
    rows, hours = [], 0.0
    for words, same in seeds.items():
        trial = build(words)
        cost = measure(trial)
        each = cost.seconds / _HOUR
        hours += each * len(same)
        rows.append(
            {
                "run": f"`{' '.join(words)}`",
                "times": str(len(same)),
                "updates": str(trial.updates),
                "memory, GB": f"{cost.memory / _GIGA:.1f}",
                "hours": f"{each:.2g}",
            }
        )
    total = f"{len(jobs)} runs, about {hours:.2g} hours of work on this device, {at_once} at once"
    return f"{markdown_table(pd.DataFrame(rows))}\n\n{total}"


def measure(trial: Trial) -> Cost:
    """Measure one update and one rollout of `BATCH` canvases, and multiply them out."""
    module = trial.module.train()
    whole = trial.batch_size / BATCH
    if isinstance(module, RendererModule):
        renderer = module

        def update(batch: int) -> None:
            renderer.batch_size = batch
            renderer.loss(0)[0].backward()

        rollouts, seconds, replay = 0.0, 0.0, 0.0
    else:
        agent = module
        size = agent.renderer.canvas_size
        _, seconds = _timed(lambda: agent.rollout(torch.rand(BATCH, 3, size, size)))
        rollouts = agent.collector.warmup_rollouts + trial.updates / agent.updates_per_rollout
        steps = agent.environment.max_steps
        replay = agent.replay.bytes_per_transition * steps * trial.episodes
        # Without a trainer nothing steps: gradients are all that an update costs.
        loose: Any = agent
        loose.descend = lambda name, loss: loss.backward()
        loose.optimizer_of = lambda name: None
        loose.toggled_optimizer = lambda optimizer: nullcontext()

        def update(batch: int) -> None:
            agent.update(agent.replay.sample(batch, agent.generator, agent.device, 0))

    small, _ = _timed(lambda: update(BATCH // 2))
    large, each = _timed(lambda: update(BATCH))
    kept = small + (large - small) / (BATCH // 2) * (trial.batch_size - BATCH // 2)
    states = sum(x.numel() * x.element_size() for x in module.state_dict().values())
    learned = sum(x.numel() * x.element_size() for x in module.parameters() if x.requires_grad)
    memory = kept + states + _ADAM * learned + replay
    return Cost(memory, whole * (trial.updates * each + rollouts * seconds))


class _Kept:
    """A tensor that is kept for a gradient."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """Return the most bytes that are kept for gradients at once, and the seconds, of some work."""
    now = most = 0.0

    def pack(tensor: Tensor) -> _Kept:
        nonlocal now, most
        size = tensor.numel() * tensor.element_size()
        now += size
        most = max(most, now)
        kept = _Kept(tensor)
        weakref.finalize(kept, free, size)
        return kept

    def free(size: int) -> None:
        nonlocal now
        now -= size

    begin = time.perf_counter()
    with saved_tensors_hooks(pack, lambda kept: kept.tensor):
        work()
    return most, time.perf_counter() - begin
