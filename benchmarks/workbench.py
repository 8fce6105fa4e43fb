"""Fixtures that measurements share: the agent, what it is timed at, and how much that computes."""

import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.agents import as_in_a_run, make_agent, make_pretraining
from benchmarks.ceilings import measure_ceilings
from benchmarks.counted import Counted
from benchmarks.floors import Ceilings, Work
from benchmarks.machine import device, seconds
from benchmarks.sizes import Scale
from impasto.renderers import AnalyticRenderer
from impasto.rendering import draw
from impasto.rl.environment import State
from impasto.rl.inference import fast_form
from impasto.rl.policy import PaintingPolicy
from lightning_modules import ModelBasedDDPG
from lightning_modules.renderers.base import RendererModule


class Workbench:
    """Fixtures of the measurements, each made when it is first asked for, and kept.

    Args:
        scale: How much is measured.
    """

    def __init__(self, scale: Scale) -> None:
        self.scale = scale

    @property
    def few(self) -> int:
        """Repeats of what takes seconds."""
        return min(3, self.scale.repeats)

    def seconds(self, work: Callable[[], object], repeats: int | None = None) -> float:
        """Median seconds, warmed up."""
        return seconds(work, repeats or self.scale.repeats)

    @cached_property
    def ceilings(self) -> Ceilings:
        """Ceilings of this machine."""
        return measure_ceilings(self.scale.effort)

    def floor(self, work: Work) -> float:
        """Least seconds for some work."""
        return self.ceilings.floor(work)

    @cached_property
    def folder(self) -> Path:
        """A place for files that goes away with the process."""
        self._temporary = tempfile.TemporaryDirectory(prefix="impasto-bench-")
        return Path(self._temporary.name)

    # ---- what is timed

    @cached_property
    def agent(self) -> ModelBasedDDPG:
        """Agent as in the middle of a run, its replay filled by a rollout."""
        agent = self._make_agent(self.scale.overrides, self.scale.batch)
        with as_in_a_run(agent):
            agent.rollout(self.pictures(self.scale.batch))
        return agent

    def _make_agent(self, overrides: tuple[str, ...], batch: int) -> ModelBasedDDPG:
        sizes = (f"batch_size={batch}", f"replay.episodes={self.scale.replay}")
        return make_agent([*overrides, *sizes])

    @cached_property
    def pretraining(self) -> RendererModule:
        """Pretraining of the papers' renderer, as in the middle of a run."""
        return make_pretraining(self.scale.renderer)

    def pictures(self, count: int) -> Tensor:
        """Targets (B, 3, n, n) in [0, 1]."""
        size = self.scale.size
        return torch.rand(count, 3, size, size, device=device())

    def update(self) -> None:
        """One update as a run makes it, drawn from the replay and counted."""
        agent = self.agent
        with as_in_a_run(agent):
            transition = agent.replay.sample(
                self.scale.batch, agent.generator, agent.device, agent.update_count
            )
            agent.count_update(agent.update(transition))

    def rollout(self, target: Tensor) -> None:
        """Play whole episodes of all targets, and add them to the replay."""
        with as_in_a_run(self.agent):
            self.agent.rollout(target)

    @torch.no_grad()
    def step(self, state: State) -> None:
        """One step of the environment, of all canvases, by the actor."""
        agent = self.agent
        with as_in_a_run(agent):
            agent.environment.step(state, agent.act(agent.actor, state))

    def renderer_step(self) -> None:
        """One update of a renderer that learns: strokes drawn exactly, loss, step."""
        module = self.pretraining
        with as_in_a_run(module):
            module.update()

    @cached_property
    def policy(self) -> PaintingPolicy:
        """Policy that paints with the agent's actor, as painters do."""
        return fast_form(self.agent.policy, device())

    @cached_property
    def compiled_policy(self) -> PaintingPolicy:
        """Policy as above, compiled as by ``compile=true``."""
        return fast_form(self.agent.policy, device(), compiled=True)

    def paint(self, target: Tensor, compiled: bool = False) -> Tensor:
        """Paint targets (B, 3, n, n): find their strokes, and draw the canvases exactly."""
        policy = self.compiled_policy if compiled else self.policy
        strokes, canvas = policy.paint(target)
        if isinstance(policy.renderer, AnalyticRenderer):
            return canvas
        return draw(policy.stroke, strokes, self.scale.size, self.scale.size)

    # ---- what is counted

    @cached_property
    def counted(self) -> Counted:
        """Least operations and bytes of the pieces of work."""
        return Counted(self.scale)
