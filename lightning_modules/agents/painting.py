"""Parts of agents of every kind: an actor, and a reward that may learn."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn

from impasto.errors import UserError
from impasto.renderers import Renderer
from impasto.rl.environment import OBSERVATION_CHANNELS, PaintingEnvironment, State
from impasto.rl.policy import PaintingPolicy
from impasto.rl.rewards import LearnedReward, Reward
from impasto.runtime.network_memory import check_batch, check_network
from impasto.runtime.precision import full_precision
from lightning_modules.base import Metrics, UpdateModule

ActorFactory = Callable[[int, int], nn.Module]
_ONE_PIXEL = 32  # size of a canvas of which the last stage of the actor sees one pixel


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


def check_gradient(agent: UpdateModule, renderer: Renderer) -> None:
    """Check that an agent can learn through a renderer.

    Raises:
        UserError: The renderer has no gradient.
    """
    if not renderer.differentiable:
        raise UserError(
            f"`{type(agent).__name__}` learns through the renderer, and "
            f"`{type(renderer).__name__}` has no gradient",
            f"{renderer.advice}, or choose an agent without a model: `DDPG` or `PatchQ`",
        )


def train_reward(agent: UpdateModule, reward: Reward, state: State) -> Metrics:
    """Make a step of a reward that learns on a state's canvases, then update its target network."""
    if "reward" not in agent.networks_that_learn:
        return {}
    assert isinstance(reward, LearnedReward)
    with full_precision(state.canvas):  # a slope is differentiated, and held at 1
        loss, metrics = reward.loss(state.canvas, state.target, agent.generator)
    agent.descend("reward", loss)
    reward.update_target()
    return {"discriminator_loss": loss.detach(), **metrics}
