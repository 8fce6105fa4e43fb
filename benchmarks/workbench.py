"""Fixtures that measurements share: the agent, what it is timed at, and how much that computes."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from benchmarks.agents import as_in_a_run, make_agent, make_pretraining, step_renderer
from benchmarks.floors import Ceilings, measure_ceilings
from benchmarks.machine import device
from impasto.renderers import AnalyticRenderer
from impasto.rendering import draw
from impasto.rl.environment import State
from impasto.rl.inference import fast_form
from impasto.rl.policy import PaintingPolicy
from lightning_modules import ModelBasedDDPG
from lightning_modules.renderers.base import RendererModule


@dataclass(frozen=True)
class Scale:
    """Sizes of what is measured; by default the paper's recipe for CelebA.

    Attributes:
        size: Pixels on a side.
        batch: Of updates, rollouts and pictures painted at once.
        drawn: Strokes drawn at once.
        amounts: Of work whose growth is measured, at most five.
        painted: Share of the size, strokes and steps that painters have.
        replay: Episodes of the replay in a measurement of speed.
        overrides: Of the agent's config.
        renderer: Of the pretraining's config.
        effort: Of `benchmarks.floors.measure_ceilings`.
    """

    size: int = 128
    batch: int = 16
    drawn: int = 256
    amounts: int = 5
    painted: float = 1.0
    replay: int = 64
    overrides: tuple[str, ...] = ()
    renderer: tuple[str, ...] = ()
    effort: float = 1.0


def default_scale() -> Scale:
    """The papers' batch on a GPU; on a CPU one that leaves time for repeats."""
    if device().type == "cuda":
        return Scale(batch=96, drawn=4096, replay=800)
    return Scale()


QUICK = Scale(
    size=32,
    batch=4,
    drawn=8,
    amounts=2,
    painted=0.03,
    replay=8,
    effort=0.02,
    overrides=(
        "canvas.size=32",
        "strokes=10",
        "agent.actor.width=4",
        "agent.critic.width=4",
        "renderer.hidden=[16]",
        "renderer.channels=4",
        "reward.discriminator.channels=[4]",
    ),
    renderer=("canvas.size=32", "renderer.hidden=[16]", "renderer.channels=4", "batch_size=4"),
)


class Workbench:
    """Fixtures of the measurements, each made when it is first asked for, and kept.

    Args:
        scale: How much is measured.
    """

    def __init__(self, scale: Scale) -> None:
        self.scale = scale

    @cached_property
    def ceilings(self) -> Ceilings:
        """Ceilings of this machine."""
        return measure_ceilings(self.scale.effort)

    @cached_property
    def agent(self) -> ModelBasedDDPG:
        """Agent as in the middle of a run, its replay filled by a rollout."""
        sizes = (f"batch_size={self.scale.batch}", f"replay.episodes={self.scale.replay}")
        agent = make_agent([*self.scale.overrides, *sizes])
        with as_in_a_run(agent):
            agent.rollout(self.pictures(self.scale.batch))
        return agent

    @cached_property
    def pretraining(self) -> RendererModule:
        """Pretraining of the papers' renderer, as in the middle of a run."""
        return make_pretraining(self.scale.renderer)

    def pictures(self, count: int) -> Tensor:
        """Targets (B, 3, n, n) in [0, 1]."""
        size = self.scale.size
        return torch.rand(count, 3, size, size, device=device())

    def update(self) -> None:
        """One update as a run makes it, on a sample of the replay."""
        agent = self.agent
        with as_in_a_run(agent):
            agent.make_update(())
            agent.update_count += 1

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
            step_renderer(module)

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
