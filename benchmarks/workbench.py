"""What measurements share: the size of things, the agent, and how much it computes."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import floors
from benchmarks.agents import PLAIN, as_in_a_run, make_agent, make_pretraining
from benchmarks.ceilings import measure_ceilings
from benchmarks.floors import Ceilings, Work
from benchmarks.machine import device, seconds
from lightning_modules import ModelBasedDDPG
from lightning_modules.renderer_module import RendererModule
from painting.drawing import draw
from painting.environment import State
from painting.policy import PaintingPolicy


@dataclass(frozen=True)
class Scale:
    """How much is measured; by default the paper's recipe for CelebA.

    Attributes:
        size: Pixels on a side.
        batch: Of updates, rollouts and pictures painted at once.
        drawn: Strokes drawn at once.
        repeats: Of quick measurements; slow ones take three.
        replay: Episodes of the replay in a measurement of speed.
        overrides: Of the agent's config.
        renderer: Of the pretraining's config.
        effort: Of `measure_ceilings`.
    """

    size: int = 128
    batch: int = 16
    drawn: int = 256
    repeats: int = 5
    replay: int = 64
    overrides: tuple[str, ...] = ()
    renderer: tuple[str, ...] = ()
    effort: float = 1.0


def default_scale() -> Scale:
    """The papers' batch on a GPU; on a CPU one that leaves time for repeats."""
    if device().type == "cuda":
        return Scale(batch=96, drawn=4096, repeats=9, replay=800)
    return Scale()


QUICK = Scale(
    size=32, batch=4, drawn=8, repeats=1, replay=8, effort=0.02,
    overrides=(
        "canvas.size=32", "strokes=10", "agent.actor.width=4", "agent.critic.width=4",
        "renderer.hidden=[16]", "renderer.channels=4", "reward.discriminator.channels=[4]",
    ),
    renderer=("canvas.size=32", "renderer.hidden=[16]", "renderer.channels=4", "batch_size=4"),
)  # fmt: skip


class Workbench:
    """Makes things when they are first asked for, and keeps them.

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
        """Of this machine."""
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
        """In the middle of a run, its replay filled by a rollout."""
        agent = self._make_agent(self.scale.overrides, self.scale.batch)
        with as_in_a_run(agent):
            agent.rollout(self.pictures(self.scale.batch))
        return agent

    def _make_agent(self, overrides: tuple[str, ...], batch: int) -> ModelBasedDDPG:
        sizes = (f"batch_size={batch}", f"replay.episodes={self.scale.replay}")
        return make_agent([*overrides, *sizes])

    @cached_property
    def pretraining(self) -> RendererModule:
        """Of the papers' renderer, in the middle of a run."""
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
        """Whole episodes of all targets, and into the replay with them."""
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
            loss = module.training_step(0, 0)
        optimizer = module.optimizers()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    @cached_property
    def policy(self) -> PaintingPolicy:
        """What paints with the agent's actor."""
        return self.agent.policy

    def paint(self, target: Tensor) -> Tensor:
        """Strokes for targets (B, 3, n, n), and the canvases drawn exactly."""
        strokes, _ = self.policy.paint(target)
        return draw(self.policy.stroke, strokes, self.scale.size, self.scale.size)

    # ---- what is counted

    @cached_property
    def counted(self) -> "Counted":
        """What the pieces of work need."""
        return Counted(self)


class Counted:
    """The work of each piece, counted on the plain form of the same networks on the CPU.

    Args:
        bench: Whose scale counts.
    """

    def __init__(self, bench: Workbench) -> None:
        self.scale = bench.scale
        self._agent = make_agent([*self.scale.overrides, *PLAIN, "replay.episodes=4"])
        self._renderer = make_pretraining([*self.scale.renderer, *PLAIN])
        self.steps = self._agent.environment.max_steps
        self.strokes = self._agent.environment.strokes
        size = self.scale.size
        self._transition = self._sample(torch.rand(1, 3, size, size))

    def _sample(self, target: Tensor) -> Callable[[int], object]:
        agent = self._agent
        strokes, agent.environment.strokes = agent.environment.strokes, agent.environment.bundle
        agent.rollout(target)  # one bundle is enough to draw transitions from
        agent.environment.strokes = strokes
        return lambda batch: agent.replay.sample(batch, agent.generator)

    @cached_property
    def update(self) -> Work:
        """One update: losses, gradients, three steps of Adam, slow copies, and the batch."""
        agent = self._agent
        batch = self.scale.batch
        work = floors.count(lambda n: agent.update(self._transition(n)), batch)
        learned = [learner.network for learner in agent.networks_that_learn.values()]
        count = floors.parameter_count(*learned)
        return (
            work
            + floors.parameters_stepped(count, count)
            + floors.transition_drawn(self.scale.size) * batch
        )

    def steps_of(self, batch: int) -> Work:
        """One step of so many canvases: actor, a bundle by the renderer, and the canvases."""
        agent, size = self._agent, self.scale.size

        def step(count: int) -> None:
            state = agent.environment.reset(torch.rand(count, 3, size, size))
            with torch.no_grad():
                agent.environment.step(state, agent.act(agent.actor, state))

        agent.actor.eval()
        work = floors.count(step, batch)
        agent.actor.train()
        return work + floors.bundle_laid(size) * batch

    @cached_property
    def rollout(self) -> Work:
        """All steps of a batch, and its episodes into the replay."""
        agent, batch = self._agent, self.scale.batch
        episode = floors.episode_kept(self.scale.size, self.steps, agent.environment.action_dim)
        return self.steps_of(batch) * self.steps + episode * batch

    @cached_property
    def learning(self) -> Work:
        """One update with its share of a rollout."""
        return self.update + self.rollout * (1 / self._agent.updates_per_rollout)

    def painted(self, pictures: int) -> Work:
        """So many pictures at once: every step, and all strokes drawn and laid exactly."""
        size = self.scale.size
        laid = floors.stroke_drawn(size) * 2 + floors.bundle_laid(size)  # alpha written and read
        return self.steps_of(pictures) * self.steps + laid * self.strokes * pictures

    @cached_property
    def renderer_step(self) -> Work:
        """One update of the renderer, and its strokes drawn."""
        module, size = self._renderer, self.scale.size
        batch = module.batch_size
        stroke = module.renderer.stroke

        def step(count: int) -> None:
            shape = stroke.sample(count)
            (module.renderer(shape) - 1).square().mean().backward()

        work = floors.count(step, batch)
        learned = floors.parameter_count(module.renderer)
        return work + floors.parameters_stepped(learned) + floors.stroke_drawn(size) * batch
