"""Base of agents of every kind: an actor, and a reward that may learn."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric

from impasto.canvas import to_float
from impasto.errors import UserError
from impasto.rl.environment import OBSERVATION_CHANNELS, PaintingEnvironment, State
from impasto.rl.policy import PaintingPolicy
from impasto.rl.rewards import LearnedReward, Reward, l2_distance
from impasto.runtime.network_memory import check_batch, check_network
from impasto.runtime.precision import full_precision
from lightning_modules.base import Metrics, UpdateModule

ActorFactory = Callable[[int, int], nn.Module]
_ONE_PIXEL = 32  # size of a canvas of which the last stage of the actor sees one pixel


class PaintingAgent(UpdateModule):
    """Learns to paint: an actor in an environment, judged by a reward.

    Args:
        environment: Where the agent paints; its renderer is frozen here.
        actor: Makes the policy from (observation channels, K * D).
        reward: Judges what is painted; a `LearnedReward` is trained too.
        updates: How many updates the run makes, counted from its very beginning.
        batch_size: Canvases in an update.
        weights: Exported agent whose actor this one learns on from; a new actor by default.
        seed: Seed of everything that updates draw, each rank's apart.

    Raises:
        UserError: See `make_actor`.
    """

    def __init__(
        self,
        environment: PaintingEnvironment,
        actor: ActorFactory,
        reward: Reward,
        updates: int,
        batch_size: int,
        weights: str | Path | None,
        seed: int,
    ) -> None:
        super().__init__(updates, seed)
        self.environment = environment
        self.renderer = environment.renderer.requires_grad_(False).eval()
        self.actor = make_actor(actor, environment, batch_size, weights)
        self.reward = reward
        self.batch_size = batch_size
        # Counts images over all ranks. Lightning's own mean takes that of the ranks' batch sizes
        # for a whole number, and is wrong where their shares are not the same.
        self.validation_l2 = MeanMetric()

    def check_gradient(self) -> None:
        """Check that the agent can learn through its renderer.

        Raises:
            UserError: The renderer has no gradient.
        """
        if not self.renderer.differentiable:
            raise UserError(
                f"`{type(self).__name__}` learns through the renderer, and "
                f"`{type(self.renderer).__name__}` has no gradient",
                f"{self.renderer.advice}, or choose an agent without a model: `DDPG` or `PatchQ`",
            )

    def train_reward(self, state: State) -> Metrics:
        """Make a step of a reward that learns on a state's canvases; its target network follows."""
        if "reward" not in self.networks_that_learn:
            return {}
        assert isinstance(self.reward, LearnedReward)
        with full_precision(state.canvas):  # a slope is differentiated, and held at 1
            loss, metrics = self.reward.loss(state.canvas, state.target, self.generator)
        self.descend("reward", loss)
        self.reward.update_target()
        return {"discriminator_loss": loss.detach(), **metrics}

    def train(self, mode: bool = True) -> "PaintingAgent":
        """Set the mode; the renderer stays in evaluation mode."""
        super().train(mode)
        self.renderer.eval()
        return self

    @property
    def policy(self) -> PaintingPolicy:
        """Policy of the present actor."""
        return PaintingPolicy(self.actor, self.environment)

    def pictures(self, batch: Any, count: int) -> tuple[Tensor, Tensor]:
        """Return the first targets of a batch and their exact paintings, (N, 3, n, n) each."""
        target = self.policy.seen(to_float(batch["target"][:count]).to(self.device))
        return target, self.policy.paint_exactly(target)

    def validation_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> None:
        """Measure the mean L2 of paintings of the validation split, drawn exactly."""
        target = self.policy.seen(to_float(batch["target"]))
        self.validation_l2.update(l2_distance(self.policy.paint_exactly(target), target))
        self.log("val_l2", self.validation_l2, on_epoch=True, prog_bar=True)

    @property
    def compilable(self) -> list[nn.Module]:
        """The actor, and the renderer if it is a network."""
        return [*super().compilable, self.actor]

    @property
    def autocast_networks(self) -> list[tuple[nn.Module, int]]:
        """The actor, which sees whole canvases."""
        return [(self.actor, self.renderer.canvas_size)]

    def geometry(self) -> dict[str, Any]:
        """Return stroke kind, canvas and bundle: a replay and an actor of others do not fit."""
        return {"agent": type(self).__name__, **self.environment.geometry()}


def make_actor(
    factory: ActorFactory,
    environment: PaintingEnvironment,
    batch_size: int,
    weights: str | Path | None = None,
) -> nn.Module:
    """Build an actor, or one that learns on from an exported agent's.

    Args:
        factory: Makes it from (observation channels, K * D).
        environment: Where it paints.
        batch_size: Canvases in an update.
        weights: The exported agent; a new actor by default.

    Raises:
        UserError: The batch is too large for memory, or too small for batch normalization; the
            exported agent has other strokes, another canvas, or other layers.
    """
    make = partial(factory, OBSERVATION_CHANNELS, environment.action_dim)
    check_network("actor", make)
    actor = make()
    size = environment.renderer.canvas_size
    if weights is not None:
        policy = PaintingPolicy.load(weights, environment.renderer.stroke, environment.bundle, size)
        try:
            actor.load_state_dict(policy.actor.state_dict())
        except RuntimeError as error:
            what = f"the actor of the agent's `weights={weights}` has other layers"
            raise UserError(what, "give the settings of `actor` that it learned with") from error
    if not torch.accelerator.is_available():
        check_batch(actor, batch_size, OBSERVATION_CHANNELS, size)
    by_batch = any(isinstance(layer, nn.BatchNorm2d) for layer in actor.modules())
    if batch_size == 1 and size <= _ONE_PIXEL and by_batch:
        todo = "give `batch_size=2` or more, or `actor.norm=layer`"
        raise UserError(f"`batch_size=1` at {size} px leaves batch normalization one value", todo)
    return actor
