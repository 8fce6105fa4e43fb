"""The part of a painting agent that every algorithm shares: rollouts, replay, budget, resume."""

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric

from impasto.bounds import Count, Seed, Whole, validated
from impasto.canvas import to_float, to_uint8
from impasto.errors import Interrupted, UserError
from impasto.rendering import draw
from impasto.rl.environment import OBSERVATION_CHANNELS, PaintingEnvironment
from impasto.rl.exploration import Exploration, NoExploration
from impasto.rl.initial_states import ContinuedStart
from impasto.rl.policy import PaintingPolicy
from impasto.rl.replay import ReplayBuffer, Transition
from impasto.rl.replay.files import load_tensors, save_tensors
from impasto.rl.rewards import l2_distance
from impasto.runtime.memory import check_count
from impasto.runtime.network_memory import check_batch, check_network
from lightning_modules.base import Metrics, UpdateModule
from lightning_modules.distributed import rank_count, seed_of_rank

log = logging.getLogger(__name__)

ActorFactory = Callable[[int, int], nn.Module]

_ONE_PIXEL = 32  # size of a canvas of which the last stage of the actor sees one pixel


@validated
class PaintingAgent(UpdateModule):
    """Learns to paint: from rollouts of targets to a replay, and from the replay in mini-batches.

    A batch brings the targets of the rollouts that are due before its update (`Rollouts`): those
    that fill the replay before the first one, later one for every N updates.

    Args:
        environment: Where the agent paints; its renderer is frozen here.
        actor: Makes the policy from (observation channels, K * D).
        replay: Keeps the rollouts.
        updates: How many updates the run makes, counted from its very beginning.
        batch_size: Transitions in an update.
        updates_per_rollout: N.
        warmup_env_steps: Environment steps (of a whole batch of canvases) before the first update.
        exploration: How rollouts depart from the actor; not at all by default.
        start: Where rollouts begin; on blank canvases by default.
        weights: Exported agent whose actor this one learns on from; a new actor by default.
        seed: Seed of replay sampling and of everything else that updates draw, each rank's apart.
    """

    def __init__(
        self,
        environment: PaintingEnvironment,
        actor: ActorFactory,
        replay: ReplayBuffer,
        updates: Count,
        batch_size: Count = 96,
        updates_per_rollout: Count = 10,
        warmup_env_steps: Whole = 400,
        exploration: Exploration | None = None,
        start: ContinuedStart | None = None,
        weights: str | Path | None = None,
        seed: Seed = 0,
    ) -> None:
        super().__init__(updates, seed)
        if start is not None and not callable(start):
            todo = "give a `ContinuedStart`"
            raise UserError(f"`start` is {start}, which begins no rollout", todo)
        self.environment = environment
        self.renderer = environment.renderer.requires_grad_(False).eval()
        make_actor = partial(actor, OBSERVATION_CHANNELS, environment.action_dim)
        check_network("actor", make_actor)
        self.actor = make_actor()
        if weights is not None:
            self._load_actor(weights)
        self.replay = replay
        self._check_sizes(batch_size)
        self.exploration = exploration or NoExploration()
        self.start = start
        self.batch_size = batch_size
        self.updates_per_rollout = updates_per_rollout
        self.warmup_rollouts = -(-warmup_env_steps // environment.max_steps)
        # Counts images over all ranks. Lightning's own mean takes that of the ranks' batch sizes
        # for a whole number, and is wrong where their shares are not the same.
        self.validation_l2 = MeanMetric()
        self.rollout_count = 0
        self.refill_rollouts = 0
        self._saved_replay: tuple[Any, dict[str, str]] | None = None
        self._generator: torch.Generator | None = None

    def _load_actor(self, weights: str | Path) -> None:
        """Load the actor of an exported agent.

        Raises:
            UserError: It has other strokes, another canvas, or other layers.
        """
        stroke, size = self.renderer.stroke, self.renderer.canvas_size
        policy = PaintingPolicy.load(weights, stroke, self.environment.bundle, size)
        try:
            self.actor.load_state_dict(policy.actor.state_dict())
        except RuntimeError as error:
            what = f"the actor of the agent's `weights={weights}` has other layers"
            raise UserError(what, "give the settings of `actor` that it learned with") from error

    def _check_sizes(self, batch_size: int) -> None:
        """Refuse sizes that would only fail at the first episode added, or the first update."""
        environment, size = self.environment, self.renderer.canvas_size
        if self.replay.device in (None, "cpu") and not torch.accelerator.is_available():
            steps = environment.max_steps
            pictures, numbers = 3 * size**2 * (steps + 2), environment.action_dim * steps
            check_count("episodes", self.replay.episodes, pictures + 4 * numbers)
        if not torch.accelerator.is_available():
            check_batch(self.actor, batch_size, OBSERVATION_CHANNELS, size)
        by_batch = any(isinstance(layer, nn.BatchNorm2d) for layer in self.actor.modules())
        if batch_size == 1 and size <= _ONE_PIXEL and by_batch:
            todo = "give `batch_size=2` or more, or `actor.norm=layer`"
            raise UserError(
                f"`batch_size=1` at {size} px leaves batch normalization one value", todo
            )

    @abstractmethod
    def update(self, transition: Transition) -> Metrics:
        """Update every network that learns, on one mini-batch.

        Returns:
            Scalars to log, detached; every loss is among them.
        """

    @property
    def policy(self) -> PaintingPolicy:
        """Policy of the present actor."""
        return PaintingPolicy(self.actor, self.environment)

    def pictures(self, batch: Any, count: int) -> tuple[Tensor, Tensor]:
        """Return the first targets of a batch and their exact paintings, (N, 3, n, n) each."""
        target = to_float(batch["target"][:count]).to(self.device)
        strokes, _ = self.policy.paint(target)
        height, width = target.shape[2:]
        background = self.environment.background
        return target, draw(self.renderer.stroke, strokes, height, width, background)

    @property
    def compilable(self) -> list[nn.Module]:
        """The actor, and the renderer if it is a network."""
        learned = any(True for _ in self.renderer.parameters())
        return [self.actor, self.renderer] if learned else [self.actor]

    @property
    def autocast_networks(self) -> list[tuple[nn.Module, int]]:
        """Actor, which sees whole canvases."""
        return [(self.actor, self.renderer.canvas_size)]

    @property
    def generator(self) -> torch.Generator:
        """Generator of the agent's own random numbers, on its device."""
        if self._generator is None:
            seed = seed_of_rank(self.seed, self.global_rank)
            self._generator = torch.Generator(self.device).manual_seed(seed)
        return self._generator

    # ---- the loop

    @property
    def rollouts_due(self) -> int:
        """Number of rollouts that the present update waits for."""
        groups = self.update_count // self.updates_per_rollout + 1
        due = self.warmup_rollouts + self.refill_rollouts + groups - self.rollout_count
        return max(due, 0 if len(self.replay) else 1)  # none is left where it was not saved

    def make_update(self, batch: Iterable[Mapping[str, Tensor]]) -> Metrics:
        """Paint the targets (B, 3, n, n), uint8, of every rollout due, then learn from the replay.

        Raises:
            Interrupted: A signal came while the replay was filled for the first update, which may
                take minutes; nothing has been learned.
        """
        for targets in batch:
            if self.stop_requested and not self.update_count and rank_count() == 1:
                raise Interrupted(self.stop_requested, None)
            self.rollout(to_float(targets["target"]))
        transition = self.replay.sample(
            self.batch_size, self.generator, self.device, self.update_count
        )
        return self.update(transition)

    @torch.no_grad()
    def rollout(self, target: Tensor) -> None:
        """Paint targets (B, 3, n, n) by the exploration's behaviour, and add them to the replay."""
        self.actor.eval()
        state = self.environment.reset(target)
        if self.start is not None:
            state = self.start(self.policy, target, self.generator)
        behave = self.exploration.begin(self.actor, self.generator)
        # As bytes at once: a quarter of what an episode's floats would take.
        canvases, actions = [to_uint8(state.canvas)], []
        for _ in range(self.environment.max_steps):
            action = behave(self.environment.observe(state))
            state = self.environment.step(state, action)
            canvases.append(to_uint8(state.canvas))
            actions.append(action)
        self.exploration.end()
        self.actor.train()
        self.replay.add(state.target, torch.stack(canvases, dim=1), torch.stack(actions, dim=1))
        self.rollout_count += 1

    # ---- measuring

    def validation_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> None:
        """Measure the mean L2 of paintings of the validation split, drawn exactly."""
        target = to_float(batch["target"])
        strokes, _ = self.policy.paint(target)
        height, width = target.shape[2:]
        canvas = draw(self.renderer.stroke, strokes, height, width, self.environment.background)
        self.validation_l2.update(l2_distance(canvas, target))
        self.log("val_l2", self.validation_l2, on_epoch=True, prog_bar=True)

    # ---- resume

    def geometry(self) -> dict[str, Any]:
        """Return stroke kind, canvas and bundle: a replay and an actor of others do not fit."""
        return {
            "agent": type(self).__name__,
            **self.renderer.stroke.geometry(),
            "canvas.size": self.renderer.canvas_size,
            "strokes": self.environment.strokes,
            "bundle": self.environment.bundle,
        }

    def training_state(self) -> dict[str, Any]:
        """Return the counts of rollouts, replay, exploration, and the agent's random state."""
        return {
            "rollout_count": self.rollout_count,
            "refill_rollouts": self.refill_rollouts,
            "replay": self.replay.state_dict(),
            "exploration": self.exploration.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load_training_state(self, state: dict[str, Any], replay: Path | None) -> None:
        """Load what `training_state` returned, and the replay."""
        self.rollout_count = state["rollout_count"]
        self.refill_rollouts = state["refill_rollouts"]
        self.exploration.load_state_dict(state["exploration"])
        self.generator.set_state(state["generator"].cpu())
        if replay is None:
            self._refill()
        else:
            load_tensors(
                replay, partial(self.replay.claim, state=state["replay"], device=self.device)
            )

    def _refill(self) -> None:
        """Plan as many rollouts before the next update as before the first: the replay is empty."""
        self.refill_rollouts = min(self.rollout_count, self.warmup_rollouts + self.refill_rollouts)
        if self.trainer.is_global_zero:
            log.warning(
                "the checkpoint has no replay: it starts empty, and %d rollouts fill it before "
                "updates go on; the run is no longer bit for bit what it would have been",
                max(1, self.warmup_rollouts),
            )

    def save_replay(self, folder: Path) -> dict[str, str] | None:
        """Write the replay, unless it lies there already, or is not to be saved."""
        if not self.replay.save:
            return None
        # Nothing else changes a replay; so a checkpoint at the same point shares the file.
        point = (folder, self.update_count, self.rollout_count)
        if self._saved_replay is None or self._saved_replay[0] != point:
            name = f"replay-{self.update_count}-{self.trainer.global_rank}.safetensors"
            self._saved_replay = point, save_tensors(self.replay.tensors(), folder / name)
        return self._saved_replay[1]

    def draw_anew(self, seed: int) -> None:
        """Seed every generator, the agent's own too."""
        super().draw_anew(seed)
        self.generator.manual_seed(seed)
