"""Base of agents that learn from a replay: rollouts, actor, critic, reward, target networks."""

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from impasto.bounds import Count, Fraction, Seed, Whole, validated
from impasto.canvas import to_float
from impasto.errors import Interrupted, UserError
from impasto.networks import frozen_copy, polyak_update
from impasto.rl.collector import Collector
from impasto.rl.environment import OBSERVATION_CHANNELS, PaintingEnvironment, State
from impasto.rl.exploration import Exploration
from impasto.rl.initial_states import Start
from impasto.rl.replay import PrioritizedReplay, ReplayBuffer, Transition
from impasto.rl.rewards import Reward
from impasto.runtime.network_memory import check_network
from lightning_modules.agents.painting import ActorFactory, PaintingAgent
from lightning_modules.base import Metrics
from lightning_modules.distributed import rank_count
from lightning_modules.optimizers import Learner, OptimizerFactory, SchedulerFactory

log = logging.getLogger(__name__)

CriticFactory = Callable[..., nn.Module]


@validated
class OffPolicyAgent(PaintingAgent):
    """Learns to paint: from rollouts of targets to a replay, and from the replay in mini-batches.

    A batch brings the targets of the rollouts that are due before its update (`Rollouts`): those
    that fill the replay before the first one, later one for every N updates. An algorithm says what
    an update of a mini-batch is (`update`): its losses, in which order networks step, and when
    target networks follow. Its critic is a state value V(s) that holds the discount, and is 0 where
    the painting is finished, or a Q(s, a) (`model_based`); another one is made in `make_critic`.

    Args:
        environment: Where the agent paints; its renderer is frozen here.
        actor: Makes the policy from (observation channels, K * D).
        critic: Makes the critic: see `make_critic`.
        reward: Judges each bundle; a `LearnedReward` is trained too.
        replay: Keeps the rollouts.
        updates: How many updates the run makes, counted from its very beginning.
        actor_optimizer: Makes the actor's optimizer.
        critic_optimizer: Makes the critic's.
        reward_optimizer: Makes that of a learned reward.
        actor_scheduler: Makes a schedule in updates, of which not all need move the actor; None
            keeps the rate. The same for the others.
        critic_scheduler: See `actor_scheduler`.
        reward_scheduler: See `actor_scheduler`.
        batch_size: Transitions in an update.
        updates_per_rollout: N.
        warmup_env_steps: Environment steps (of a whole batch of canvases) before the first update.
        discount: Per stroke; a bundle of K is discounted by ``discount ** K`` (ICCV 2019, section
            3.3.2).
        tau: Weight of the newest networks in the target networks' averages.
        target_batch_statistics: Run the target actor on each batch's statistics, as the authors'
            code does, instead of on averaged ones.
        exploration: How rollouts depart from the actor; not at all by default.
        start: Where rollouts begin; on blank canvases by default.
        weights: Exported agent whose actor this one learns on from; a new actor by default.
        seed: Seed of replay sampling and of everything else that updates draw, each rank's apart.

    Raises:
        UserError: A prioritized replay without a critic, whose errors are the priorities; a
            renderer without a gradient, where the agent needs one.
    """

    target_networks: ClassVar[tuple[str, ...]] = ("actor", "critic")
    """Names of the networks that have a target network, ``target_<name>``."""

    model_based: ClassVar[bool] = True
    """Whether the actor learns through the renderer, and from a V(s) if there is a future to value:
    not in a painting of a single bundle. Otherwise it learns from a Q(s, a) alone."""

    target_actor: nn.Module
    target_critic: nn.Module

    def __init__(
        self,
        environment: PaintingEnvironment,
        actor: ActorFactory,
        critic: CriticFactory,
        reward: Reward,
        replay: ReplayBuffer,
        updates: Count,
        *,
        actor_optimizer: OptimizerFactory,
        critic_optimizer: OptimizerFactory,
        reward_optimizer: OptimizerFactory,
        actor_scheduler: SchedulerFactory | None = None,
        critic_scheduler: SchedulerFactory | None = None,
        reward_scheduler: SchedulerFactory | None = None,
        batch_size: Count = 96,
        updates_per_rollout: Count = 10,
        warmup_env_steps: Whole = 400,
        discount: Fraction = 0.95,
        tau: Fraction = 0.001,
        target_batch_statistics: bool = False,
        exploration: Exploration | None = None,
        start: Start | None = None,
        weights: str | Path | None = None,
        seed: Seed = 0,
    ) -> None:
        super().__init__(environment, actor, reward, updates, batch_size, weights, seed)
        self.replay = replay
        self.collector = Collector(
            environment, replay, updates_per_rollout, warmup_env_steps, exploration, start
        )
        check_network("critic", partial(self.make_critic, critic))
        self.critic = self.make_critic(critic)
        for name in self.target_networks:
            setattr(self, f"target_{name}", frozen_copy(getattr(self, name)))
        learners = {
            "critic": Learner(self.critic, critic_optimizer, critic_scheduler),
            "actor": Learner(self.actor, actor_optimizer, actor_scheduler),
            "reward": Learner(reward.trained, reward_optimizer, reward_scheduler),
        }
        if self.model_based and environment.max_steps == 1:
            del learners["critic"]
        self.register_learners(learners)
        self._check_combination()
        self.updates_per_rollout = updates_per_rollout
        self.discount = discount**environment.bundle
        self.tau = tau
        self.target_batch_statistics = target_batch_statistics

    def _check_combination(self) -> None:
        if self.model_based:
            self.check_gradient()
        if isinstance(self.replay, PrioritizedReplay) and "critic" not in self.networks_that_learn:
            raise UserError(
                "`PrioritizedReplay` ranks transitions by the critic's error, and "
                f"`{type(self).__name__}` has no critic at {self.environment.max_steps} step(s) "
                "per painting",
                "choose `ReplayBuffer`, or strokes above bundle and an agent with a critic",
            )

    # ---- what an algorithm says

    @abstractmethod
    def update(self, transition: Transition) -> Metrics:
        """Make one update of a mini-batch: a step of every network that learns, by its own loss.

        Returns:
            Scalars to log, detached; every loss is among them.
        """

    def make_critic(self, factory: CriticFactory) -> nn.Module:
        """Build V from the observation's channels, or Q from these and the numbers in an action."""
        of_action = () if self.model_based else (self.environment.action_dim,)
        return factory(OBSERVATION_CHANNELS, *of_action)

    # ---- what algorithms have in common

    def act(self, actor: nn.Module, state: State) -> Tensor:
        """Return the action (B, K * D) of an actor."""
        action: Tensor = actor(self.environment.observe(state))
        return action

    def value(self, critic: nn.Module, state: State) -> Tensor:
        """Return V(s), (B,); 0 where the painting is finished."""
        if "critic" not in self.networks_that_learn:
            return state.canvas.new_zeros(state.canvas.shape[0])
        value: Tensor = critic(self.environment.observe(state))
        return value * ~self.environment.done(state)

    def fit_critic(
        self,
        value: Tensor,
        target_value: Tensor,
        transition: Transition,
        known: Tensor | None = None,
    ) -> Metrics:
        """Make a step of the critic towards target values, and pass its errors to the replay.

        Args:
            value: The critic's, (B, ...), with a gradient.
            target_value: The same shape, without.
            transition: Whose weights count, and whose priorities change.
            known: (B,) bool, where the value is known by construction, and an error of 0 says
                nothing: these transitions get the mean priority of the others.

        Raises:
            ValueError: The shapes differ, and would broadcast.
        """
        if value.shape != target_value.shape:
            raise ValueError(f"values {tuple(value.shape)} against {tuple(target_value.shape)}")
        difference = (value - target_value).reshape(len(value), -1)
        loss = (transition.weight * difference.square().mean(1)).mean()
        self.descend("critic", loss)
        error = difference.detach().abs().mean(1)
        if known is not None:
            mean = (error * ~known).sum() / (~known).sum().clamp_min(1)
            error = torch.where(known, mean, error)
        self.replay.prioritize(transition.position, error)
        return {"critic_loss": loss.detach(), "value": target_value.mean()}

    def update_discriminator(self, transition: Transition) -> Metrics:
        """Train a learned reward on the newest canvases, then update its target network."""
        return self.train_reward(transition.next_state)

    def update_target_networks(self) -> None:
        """Average every target network: target <- (1 - tau) target + tau network."""
        for name in self.target_networks:
            polyak_update(getattr(self, f"target_{name}"), getattr(self, name), self.tau)

    # ---- the loop

    @property
    def rollouts_due(self) -> int:
        """Number of rollouts that the present update waits for."""
        return self.collector.due(self.update_count)

    def training_step(self, batch: Iterable[Mapping[str, Tensor]], batch_idx: int) -> Metrics:
        """Make the update, and count it."""
        return self.record(self.make_update(batch))

    def make_update(self, batch: Iterable[Mapping[str, Tensor]]) -> Metrics:
        """Paint the targets (B, 3, N, N), uint8, of every rollout due, then learn from the replay.

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

    def rollout(self, target: Tensor) -> None:
        """Paint targets (B, 3, N, N) as the collector does, and add them to the replay."""
        self.collector.rollout(self.policy, target, self.generator)

    def train(self, mode: bool = True) -> "OffPolicyAgent":
        """Set the mode; target networks and renderer stay in evaluation mode."""
        super().train(mode)
        for name in self.target_networks:
            batch_statistics = name == "actor" and self.target_batch_statistics
            getattr(self, f"target_{name}").train(mode and batch_statistics)
        return self

    # ---- how networks run

    @property
    def compilable(self) -> list[nn.Module]:
        """Actor, critic, and target networks; not the discriminator, differentiated twice."""
        targets = [getattr(self, f"target_{name}") for name in self.target_networks]
        return [*super().compilable, self.critic, *targets]

    @property
    def autocast_networks(self) -> list[tuple[nn.Module, int]]:
        """Actor and critic; target networks have the same layers."""
        return [*super().autocast_networks, (self.critic, self.renderer.canvas_size)]

    # ---- resume

    def training_state(self) -> dict[str, Any]:
        """Return what the collector has, and the agent's random state."""
        return self.collector.state_dict() | {"generator": self.generator.get_state()}

    def load_training_state(self, state: dict[str, Any], replay: Path | None) -> None:
        """Load what `training_state` returned, and the replay."""
        self.load_generator(state["generator"])
        as_before = self.collector.load_state_dict(state, replay, self.device)
        if not as_before and self.trainer.is_global_zero:
            log.warning(
                "the checkpoint has no replay: it starts empty, and %d rollouts fill it before "
                "updates go on; the run is no longer bit for bit what it would have been",
                max(1, self.collector.warmup_rollouts),
            )

    def save_replay(self, folder: Path) -> dict[str, str] | None:
        """Write the replay, unless it lies there already, or is not to be saved."""
        return self.collector.save_replay(folder, self.update_count, self.trainer.global_rank)
