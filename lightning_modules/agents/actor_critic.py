"""Base of agents with an actor, a critic and a reward: their losses, and the order of updates."""

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from impasto.bounds import Fraction, validated
from impasto.errors import UserError
from impasto.networks import frozen_copy, polyak_update
from impasto.rl.environment import OBSERVATION_CHANNELS, State
from impasto.rl.replay import PrioritizedReplay, Transition
from impasto.rl.rewards import LearnedReward, Reward
from impasto.runtime.network_memory import check_network
from impasto.runtime.precision import full_precision
from lightning_modules.agents.painting_agent import PaintingAgent
from lightning_modules.base import Metrics
from lightning_modules.optimizers import Learner, OptimizerFactory, SchedulerFactory

CriticFactory = Callable[..., nn.Module]


@validated
class ActorCritic(PaintingAgent):
    """Updates critic, actor, discriminator, then target networks (ICCV 2019, section 5.2).

    A further agent says what the losses of critic and actor are (`update_actor_critic`). The critic
    is a state value V(s) that holds the discount, and is 0 where the painting is finished; an agent
    with another one makes it in `make_critic`.

    Args:
        reward: Judges each bundle; a `LearnedReward` is trained too.
        critic: Makes V from the observation's channels.
        actor_optimizer: Makes the actor's optimizer.
        critic_optimizer: Makes the critic's.
        reward_optimizer: Makes that of a learned reward.
        actor_scheduler: Makes a schedule in updates, of which not all need move the actor; None
            keeps the rate. The same for the others.
        critic_scheduler: See `actor_scheduler`.
        reward_scheduler: See `actor_scheduler`.
        discount: Per stroke; a bundle of K is discounted by ``discount ** K`` (section 3.3.2).
        tau: Weight of the newest networks in the target networks' averages.
        target_batch_statistics: Run the target actor on each batch's statistics, as the authors'
            code does, instead of on averaged ones.
        shared: Arguments of `PaintingAgent`.

    Raises:
        UserError: A prioritized replay without a critic, whose errors are the priorities; a
            renderer without a gradient, where the agent needs one.
    """

    target_networks: ClassVar[tuple[str, ...]] = ("actor", "critic")
    """Names of the networks that have a target network, ``target_<name>``."""

    needs_gradient: ClassVar[bool] = True
    """Whether the actor learns through the renderer."""

    target_actor: nn.Module
    target_critic: nn.Module

    def __init__(
        self,
        *,
        reward: Reward,
        critic: CriticFactory,
        actor_optimizer: OptimizerFactory,
        critic_optimizer: OptimizerFactory,
        reward_optimizer: OptimizerFactory,
        actor_scheduler: SchedulerFactory | None = None,
        critic_scheduler: SchedulerFactory | None = None,
        reward_scheduler: SchedulerFactory | None = None,
        discount: Fraction = 0.95,
        tau: Fraction = 0.001,
        target_batch_statistics: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.reward = reward
        check_network("critic", partial(self.make_critic, critic))
        self.critic = self.make_critic(critic)
        for name in self.target_networks:
            setattr(self, f"target_{name}", frozen_copy(getattr(self, name)))
        self.discount = discount**self.environment.bundle
        self.tau = tau
        self.target_batch_statistics = target_batch_statistics
        learners = {
            "critic": Learner(self.critic, critic_optimizer, critic_scheduler),
            "actor": Learner(self.actor, actor_optimizer, actor_scheduler),
        }
        if isinstance(reward, LearnedReward):
            learners["reward"] = Learner(reward.trained, reward_optimizer, reward_scheduler)
        if not self.needs_critic:
            del learners["critic"]
        self.register_learners(learners)
        self._check_combination()

    def _check_combination(self) -> None:
        name = type(self).__name__
        if self.needs_gradient and not self.renderer.differentiable:
            raise UserError(
                f"`{name}` learns through the renderer, and `{type(self.renderer).__name__}` "
                "has no gradient",
                f"{self.renderer.advice}, or choose an agent without a model: `DDPG` or `PatchQ`",
            )
        if isinstance(self.replay, PrioritizedReplay) and "critic" not in self.networks_that_learn:
            steps = self.environment.max_steps
            raise UserError(
                "`PrioritizedReplay` ranks transitions by the critic's error, and "
                f"`{name}` has no critic at {steps} step(s) per painting",
                "choose `ReplayBuffer`, or strokes above bundle and an agent with a critic",
            )

    # ---- what an agent says

    @property
    def needs_critic(self) -> bool:
        """Return True if there is a future to value: not in a painting of a single bundle."""
        return self.environment.max_steps > 1

    def make_critic(self, factory: CriticFactory) -> nn.Module:
        """Build the critic by its factory."""
        return factory(OBSERVATION_CHANNELS)

    @abstractmethod
    def update_actor_critic(self, transition: Transition) -> Metrics:
        """Make a step of the critic, if it learns, and one of the actor, each by its own loss."""

    # ---- the update

    def update(self, transition: Transition) -> Metrics:
        """Update critic, actor and discriminator in turn, then the target networks."""
        metrics = self.update_actor_critic(transition)
        metrics |= self.update_discriminator(transition)
        self.update_target_networks()
        return metrics

    def update_discriminator(self, transition: Transition) -> Metrics:
        """Train a learned reward on the newest canvases, then update its target network."""
        return self.teach_reward(transition.next_state)

    def teach_reward(self, state: State) -> Metrics:
        """Train a learned reward on the canvases of a state, then update its target network."""
        if "reward" not in self.networks_that_learn:
            return {}
        assert isinstance(self.reward, LearnedReward)
        with full_precision(state.canvas):  # a slope is differentiated, and held at 1
            loss, metrics = self.reward.loss(state.canvas, state.target, self.generator)
        self.descend("reward", loss)
        self.reward.update_target()
        return {"discriminator_loss": loss.detach(), **metrics}

    def update_target_networks(self) -> None:
        """Average every target network: target <- (1 - tau) target + tau network."""
        for name in self.target_networks:
            polyak_update(getattr(self, f"target_{name}"), getattr(self, name), self.tau)

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

    # ---- optimizers

    @property
    def compilable(self) -> list[nn.Module]:
        """Actor, critic, and target networks; not the discriminator, differentiated twice."""
        targets = [getattr(self, f"target_{name}") for name in self.target_networks]
        return [*super().compilable, self.critic, *targets]

    @property
    def autocast_networks(self) -> list[tuple[nn.Module, int]]:
        """Actor and critic; target networks have the same layers."""
        return [*super().autocast_networks, (self.critic, self.renderer.canvas_size)]

    @property
    def rate_keys(self) -> list[str]:
        """Names of the learning rates of every network that learns, as errors give them."""
        return [f"`{name}_optimizer.lr`" for name in self.networks_that_learn]

    def train(self, mode: bool = True) -> "ActorCritic":
        """Set the mode; target networks and renderer stay in evaluation mode."""
        super().train(mode)
        self.renderer.eval()
        for name in self.target_networks:
            batch_statistics = name == "actor" and self.target_batch_statistics
            getattr(self, f"target_{name}").train(mode and batch_statistics)
        if isinstance(self.reward, LearnedReward):
            self.reward.eval()
            self.reward.trained.train(mode)
        return self
