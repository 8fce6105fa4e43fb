"""The adversarial painter of Neural Painters (Nakano, 2019): no reinforcement learning."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.bounds import Count, Positive, validated
from impasto.canvas import to_float
from impasto.errors import UserError
from impasto.rl.demonstrations import NoPreconditioning, Preconditioning
from impasto.rl.environment import State
from impasto.rl.exploration import NoExploration
from impasto.rl.replay import Transition
from impasto.strokes import COLOR_DIM
from impasto.strokes.levels import gumbel_levels
from lightning_modules.agents.actor_critic import ActorCritic
from lightning_modules.base import Metrics


@validated
class LstmAdversarial(ActorCritic):
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
    nothing is kept for later. So there is no critic, and of the shared arguments `replay`,
    `warmup_env_steps`, `discount`, `tau` and `target_batch_statistics` have nothing to act on.

    Args:
        preconditioning: Strokes to learn first; none by default.
        actor_every: The actor learns at every so many updates, D at all of them; while strokes are
            learned alone, it learns at all of them.
        gumbel: Of a stroke kind with levels: the temperature at which those of an action are drawn
            by chance while learning (`gumbel_levels`); by default they are the nearest ones.
        shared: Arguments of `ActorCritic`.

    Raises:
        UserError: An exploration or a start of rollouts is given: there are none. The examples are
            no paintings of so many strokes of the kind. The stroke kind has no levels to be drawn.
    """

    target_networks = ()

    def __init__(
        self,
        *,
        preconditioning: Preconditioning | None = None,
        actor_every: Count = 1,
        gumbel: Positive | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.gumbel = gumbel
        if gumbel is not None and not self.renderer.stroke.levels:
            raise UserError(
                f"`gumbel={gumbel}`: a {self.renderer.stroke.name} stroke has no levels here",
                "leave it null, or choose `MyPaint` with `levels` or `lift`",
            )
        self.preconditioning = preconditioning or NoPreconditioning()
        if self.preconditioning.examples is not None:
            self.preconditioning.examples.check(self.renderer.stroke, self.environment.strokes)
        self.actor_every = actor_every
        if actor_every > 1 and "reward" not in self.networks_that_learn:
            raise UserError(
                f"`actor_every={actor_every}`: with a reward that learns nothing, no network would "
                "learn in the other updates",
                "give `actor_every=1`, or choose a reward that learns",
            )
        self._examples: Tensor | None = None  # (C, N, D), once the classes are known
        self._batch: dict[str, Tensor] = {}

    def _check_combination(self) -> None:
        super()._check_combination()
        if not isinstance(self.exploration, NoExploration) or self.start is not None:
            raise UserError(
                "`LstmAdversarial` makes no rollouts that could explore or begin elsewhere",
                "choose `NoExploration`, and leave `start` null",
            )

    @property
    def needs_critic(self) -> bool:
        """Return False: a painting is judged when it is finished."""
        return False

    # ---- the loop: of targets that come, not of a replay

    @property
    def rollouts_due(self) -> int:
        """Number of batches of targets, 0 or 1, that the present update waits for."""
        return self.update_count // self.updates_per_rollout + 1 - self.rollout_count

    def make_update(self, batch: Iterable[Mapping[str, Tensor]]) -> Metrics:
        """Make one update on the newest targets (B, 3, n, n), uint8, and their labels (B,)."""
        for targets in batch:
            self._batch = {key: targets[key] for key in ("target", "label") if key in targets}
            self.rollout_count += 1
        state = self.environment.reset(to_float(self._batch["target"]))
        return self.learn(state, self._batch.get("label"))

    def update(self, transition: Transition) -> Metrics:
        """Make one update from the states in which transitions begin."""
        return self.learn(transition.state)

    def update_actor_critic(self, transition: Transition) -> Metrics:
        """Make one step of the actor."""
        return self.update_actor(transition.state)[0]

    # ---- the update

    def learn(self, state: State, label: Tensor | None = None) -> Metrics:
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
        return metrics if alone else metrics | self.teach_reward(painted)

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
        actions = []
        for number in range(environment.max_steps):
            action = self._decided(self.act(self.actor, state))
            actions.append(action)
            if finish or number + 1 < environment.max_steps:
                state = environment.step(state, action)
        strokes = environment.strokes_of(torch.cat(actions, dim=1))
        return state, strokes[:, : environment.strokes]

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
        return super().training_state() | {"batch": {} if self.rollouts_due else self._batch}

    def load_training_state(self, state: dict[str, Any], replay: Path | None) -> None:
        """Load what `training_state` returned."""
        self.rollout_count = state["rollout_count"]
        self.generator.set_state(state["generator"].cpu())
        self._batch = {key: part.to(self.device) for key, part in state["batch"].items()}

    def save_replay(self, folder: Path) -> dict[str, str] | None:
        """Write nothing: there is no replay."""
        return None
