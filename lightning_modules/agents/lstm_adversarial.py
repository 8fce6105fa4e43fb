"""The adversarial painter of Neural Painters (Nakano, 2019): no reinforcement learning."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.bounds import Count, Positive, Seed, validated
from impasto.canvas import to_float
from impasto.errors import UserError
from impasto.rl.demonstrations import NoPreconditioning, Preconditioning
from impasto.rl.environment import PaintingEnvironment, State
from impasto.rl.exploration import Exploration, NoExploration
from impasto.rl.rewards import Reward
from impasto.strokes import COLOR_DIM
from impasto.strokes.levels import gumbel_levels
from lightning_modules.agents.painting import ActorFactory, PaintingAgent
from lightning_modules.base import Metrics
from lightning_modules.optimizers import Learner, OptimizerFactory, SchedulerFactory

# Arguments of `OffPolicyAgent` that experiments set for any agent.
_OF_OFF_POLICY = {"replay", "warmup_env_steps", "discount", "tau", "target_batch_statistics"}
_OF_OFF_POLICY |= {"critic", "critic_optimizer", "critic_scheduler"}


@validated
class LstmAdversarial(PaintingAgent):
    """Whole paintings against a discriminator that learns beside them (Neural Painters, section 3).

    With I the target, C the blank canvas, and C_T what pi paints on it in all its T bundles, which
    is differentiable in every stroke:

        pi minimizes  -r(C, C_T, I),  for `WganGpReward`  D'(I, C) - D'(I, C_T)
        D minimizes its own loss on (I, C_T)

    The paper has no target network for D: with a ``tau`` of 1 D' is D. Rewards that don't
    learn are what they are on the whole painting; `WeightedReward` puts a pixel loss beside a
    discriminator.

    A `Preconditioning` adds w(u) times the mean squared error of the strokes from those of the
    example for the target's class; as long as it is alone, pi learns by that error, and D not at
    all (section 4). Strokes are compared in the units of an action, within their limits.

    An update paints a batch of the data set's own targets, each one `updates_per_rollout` times;
    nothing is kept for later, and there is no critic.

    Args:
        environment: See `OffPolicyAgent`, for what is not said here.
        actor: Makes pi from (observation channels, K * D).
        reward: Judges paintings; a `LearnedReward` is trained too.
        updates: How many updates the run makes, counted from its very beginning.
        actor_optimizer: Makes pi's optimizer; the other three like it.
        reward_optimizer: See `actor_optimizer`.
        actor_scheduler: See `actor_optimizer`.
        reward_scheduler: See `actor_optimizer`.
        preconditioning: Strokes to learn first; none by default.
        actor_every: The actor learns at every so many updates, D at all of them; while strokes are
            learned alone, it learns at all of them.
        gumbel: Of a stroke kind with levels: the temperature at which those of an action are drawn
            by chance while learning (`gumbel_levels`); by default they are the nearest ones.
        updates_per_rollout: Updates on each batch of targets.
        batch_size: Targets in a batch.
        exploration: None or `NoExploration`.
        start: None.
        weights: Exported agent whose actor this one learns on from; a new actor by default.
        seed: Seed of everything that updates draw, each rank's apart.
        off_policy: What else a config gives any agent, and has nothing to act on here.

    Raises:
        UserError: An exploration or a start of rollouts is given: there are none. The examples are
            no paintings of so many strokes of the kind. The stroke kind has no levels to be drawn.
            The renderer has no gradient.
    """

    def __init__(
        self,
        environment: PaintingEnvironment,
        actor: ActorFactory,
        reward: Reward,
        updates: Count,
        *,
        actor_optimizer: OptimizerFactory,
        reward_optimizer: OptimizerFactory,
        actor_scheduler: SchedulerFactory | None = None,
        reward_scheduler: SchedulerFactory | None = None,
        preconditioning: Preconditioning | None = None,
        actor_every: Count = 1,
        gumbel: Positive | None = None,
        updates_per_rollout: Count = 10,
        batch_size: Count = 96,
        exploration: Exploration | None = None,
        start: object = None,
        weights: str | Path | None = None,
        seed: Seed = 0,
        **off_policy: Any,
    ) -> None:
        super().__init__(environment, actor, reward, updates, batch_size, weights, seed)
        for name in off_policy.keys() - _OF_OFF_POLICY:
            raise TypeError(
                f"LstmAdversarial.__init__() got an unexpected keyword argument '{name}'"
            )
        self.register_learners(
            {
                "actor": Learner(self.actor, actor_optimizer, actor_scheduler),
                "reward": Learner(reward.trained, reward_optimizer, reward_scheduler),
            }
        )
        self.preconditioning = preconditioning or NoPreconditioning()
        self.actor_every = actor_every
        self.gumbel = gumbel
        self.updates_per_rollout = updates_per_rollout
        self.batch_count = 0
        self._batch: dict[str, Tensor] = {}
        self._examples: Tensor | None = None  # (C, N, D), once the classes are known
        self._check_combination(exploration, start)

    def _check_combination(self, exploration: Exploration | None, start: object) -> None:
        self.check_gradient()
        if not isinstance(exploration, NoExploration | None) or start is not None:
            raise UserError(
                "`LstmAdversarial` makes no rollouts that could explore or begin elsewhere",
                "choose `NoExploration`, and leave `start` null",
            )
        if self.gumbel is not None and not self.renderer.stroke.levels:
            raise UserError(
                f"`gumbel={self.gumbel}`: a {self.renderer.stroke.name} stroke has no levels here",
                "leave it null, or choose `MyPaint` with `levels` or `lift`",
            )
        if self.preconditioning.examples is not None:
            self.preconditioning.examples.check(self.renderer.stroke, self.environment.strokes)
        if self.actor_every > 1 and "reward" not in self.networks_that_learn:
            raise UserError(
                f"`actor_every={self.actor_every}`: with a reward that learns nothing, no network "
                "would learn in the other updates",
                "give `actor_every=1`, or choose a reward that learns",
            )

    # ---- the loop

    @property
    def rollouts_due(self) -> int:
        """Number of batches of targets, 0 or 1, that the present update waits for."""
        return self.update_count // self.updates_per_rollout + 1 - self.batch_count

    def training_step(self, batch: Iterable[Mapping[str, Tensor]], batch_idx: int) -> Metrics:
        """Make one update on the newest targets (B, 3, n, n), uint8, and their labels (B,)."""
        for targets in batch:
            self._batch = {key: targets[key] for key in ("target", "label") if key in targets}
            self.batch_count += 1
        state = self.environment.reset(to_float(self._batch["target"]))
        return self.record(self.update(state, self._batch.get("label")))

    # ---- the update

    def update(self, state: State, label: Tensor | None = None) -> Metrics:
        """Update the actor, if it is due, then the discriminator, both on the same paintings.

        Args:
            state: Of B canvases on which nothing is painted yet.
            label: (B,) int64, the targets' classes, -1 where one is not known; needed where there
                are examples.
        """
        alone = self.preconditioning.is_alone(self.update_count)
        if alone or (self.update_count + 1) % self.actor_every == 0:
            metrics, painted = self.update_actor(state, label)
        else:
            with torch.no_grad():
                metrics, painted = {}, self.paint(state)[0]
        return metrics if alone else metrics | self.train_reward(painted)

    def update_actor(self, state: State, label: Tensor | None = None) -> tuple[Metrics, State]:
        """Make one step of pi, through the painter and every canvas, by the losses that are due.

        Returns:
            Metrics, and the finished paintings, detached; unfinished, where strokes count alone.
        """
        judged = not self.preconditioning.is_alone(self.update_count)
        weight = self.preconditioning.weight_at(self.update_count)
        metrics: Metrics = {}
        with self.toggled_optimizer(self.optimizer_of("actor")):
            painted, strokes = self.paint(state, finish=judged)
            metrics |= self.renderer.stroke.watched(strokes)
            loss = strokes.new_zeros(())
            if judged:
                reward = self.reward(state.canvas, painted.canvas, state.target)  # (B,)
                metrics["reward"] = reward.detach().mean()
                loss = loss - reward.mean()
            if weight:
                error = self.stroke_error(strokes, label)
                metrics["stroke_error"] = error.detach()
                loss = loss + weight * error
            self.descend("actor", loss)
        painted = painted._replace(canvas=painted.canvas.detach())
        return {"actor_loss": loss.detach(), **metrics}, painted

    def stroke_error(self, strokes: Tensor, label: Tensor | None) -> Tensor:
        """Return the mean squared error, a scalar, of strokes (B, N, D) from their class's example.

        Pictures whose class is not known are left out.
        """
        assert self._examples is not None
        assert label is not None
        error = (strokes - self._examples[label.clamp_min(0)]).square().mean((1, 2))  # (B,)
        known = label >= 0
        return (error * known).sum() / known.sum().clamp_min(1)

    def paint(self, state: State, finish: bool = True) -> tuple[State, Tensor]:
        """Paint to the end, differentiably.

        Args:
            state: Of B canvases on which nothing is painted yet.
            finish: Whether the last bundle gets onto the canvas; only its strokes are made else.

        Returns:
            The finished paintings, and their strokes (B, N, D) within their limits.
        """
        environment = self.environment
        painted = []
        for number in range(environment.max_steps):
            action = self._decided(self.actor(environment.observe(state)))
            if finish or number + 1 < environment.max_steps:
                state, strokes = environment.advance(state, action)
            else:
                strokes = environment.strokes_of(state, action)
            painted.append(strokes)
        return state, torch.cat(painted, dim=1)[:, : environment.strokes]

    def _decided(self, action: Tensor) -> Tensor:
        """Return actions (B, K * D), their levels drawn by Gumbel-softmax if `gumbel` is set."""
        if self.gumbel is None:
            return action
        shape, color = action.unflatten(1, (-1, self.renderer.stroke.dim)).split(
            [self.renderer.stroke.shape_dim, COLOR_DIM], dim=2
        )
        levels = self.renderer.stroke.levels
        drawn = gumbel_levels(shape, levels, self.gumbel, self.generator)
        return torch.cat([drawn, color], dim=2).flatten(1)

    # ---- resume

    def on_train_start(self) -> None:
        """Load each class's example, then resume.

        Raises:
            UserError: The data set has no classes, or one without an example.
        """
        if self.preconditioning.examples is not None:
            classes = getattr(self._datamodule, "classes", None)
            if classes is None:
                raise UserError(
                    "a preconditioning needs every picture's class, and the data set has none",
                    "choose `Digits` or `Mnist`, or `NoPreconditioning`",
                )
            examples = self.preconditioning.examples.of(classes, self.renderer.stroke)
            self._examples = examples.to(self.device)
        super().on_train_start()

    def training_state(self) -> dict[str, Any]:
        """Return the random state, and the batch, if it has updates left."""
        return {
            "rollout_count": self.batch_count,
            "generator": self.generator.get_state(),
            "batch": {} if self.rollouts_due else self._batch,
        }

    def load_training_state(self, state: dict[str, Any], replay: Path | None) -> None:
        """Load what `training_state` returned."""
        self.batch_count = state["rollout_count"]
        self.load_generator(state["generator"])
        self._batch = {key: part.to(self.device) for key, part in state["batch"].items()}
