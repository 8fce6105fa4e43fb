"""Least operations and bytes of the measured pieces of work, counted once for each scale."""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from benchmarks import floors
from benchmarks.agents import PLAIN, make_agent, make_pretraining
from benchmarks.floors import Work
from benchmarks.workbench import Scale
from impasto.rl.environment import OBSERVATION_CHANNELS
from impasto.rl.replay import Transition


class Counted:
    """Counts of each piece of work, made on the plain form of the same networks on the CPU.

    Args:
        scale: How much of it.
        mixed: Whether what may be in bfloat16 is.
    """

    def __init__(self, scale: Scale, mixed: bool = False) -> None:
        self.scale = scale
        self.mixed = mixed
        self._agent = make_agent([*self.scale.overrides, *PLAIN, "replay.episodes=4"])
        self._renderer = make_pretraining([*self.scale.renderer, *PLAIN])
        self.steps = self._agent.environment.max_steps
        self.strokes = self._agent.environment.strokes
        size = self.scale.size
        self._transition = self._sample(torch.rand(1, 3, size, size))

    def _sample(self, target: Tensor) -> Callable[[int], Transition]:
        agent = self._agent
        strokes, agent.environment.strokes = agent.environment.strokes, agent.environment.bundle
        agent.rollout(target)  # one bundle is enough to draw transitions from
        agent.environment.strokes = strokes
        return lambda batch: agent.replay.sample(batch, agent.generator)

    @cached_property
    def update(self) -> Work:
        """One update: losses, gradients, three steps of Adam, target networks, and the batch."""
        agent = self._agent
        batch = self.scale.batch
        work = floors.count(lambda n: agent.update(self._transition(n)), batch, mixed=self.mixed)
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
        work = floors.count(step, batch, mixed=self.mixed)
        agent.actor.train()
        return work + floors.bundle_laid(size) * batch

    def multiply_adds(self) -> tuple[float, float]:
        """Multiply-adds of a bundle, by the actor and by the renderer (ICCV 2019, section 5.2)."""
        agent, size = self._agent, self.scale.size
        planes = torch.rand(1, OBSERVATION_CHANNELS, size, size)
        shapes = agent.renderer.stroke.sample(
            agent.environment.bundle, torch.Generator().manual_seed(0)
        )
        networks = (agent.actor.eval(), planes), (agent.renderer, shapes)
        counts = []
        for network, given in networks:
            with torch.no_grad(), floors.Counter() as counter:
                network(given)
            counts.append(counter.work.flops / 2)
        agent.actor.train()
        return counts[0], counts[1]

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
