"""Model-based DDPG (ICCV 2019, section 3.3.1)."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lightning_modules.painting_agent import PaintingAgent
from lightning_modules.updates import Figures
from painting.environment import State
from painting.networks import frozen_copy, polyak_update
from painting.observation import OBSERVATION_CHANNELS
from painting.replay import Transition
from painting.rewards import LearnedReward, Reward

CriticFactory = Callable[[int], nn.Module]
OptimizerFactory = Callable[[Iterator[nn.Parameter]], Optimizer]
SchedulerFactory = Callable[[Optimizer], LRScheduler]


class Learner(NamedTuple):
    """A network that learns, and by what."""

    network: nn.Module
    optimizer: OptimizerFactory
    scheduler: SchedulerFactory | None


class ModelBasedDDPG(PaintingAgent):
    """DDPG whose actor is differentiated through the renderer, with a state value V(s) as critic.

    With r the reward, trans the environment, pi the actor and primes for slow copies (Eq. 3, read
    as the authors' code does, with the discount inside V):

        V(s)  <-  discount * [r(s, pi'(s)) + V'(trans(s, pi'(s)))],   0 where the episode has ended
        pi maximizes  r(s, pi(s)) + V(trans(s, pi(s)))
        D minimizes its own loss on (I, C_{t+1})

    "We update the critic, actor, and discriminator in turn" (section 5.2). The authors add
    r(s_t, a_t) to both sides of the critic's loss, where it cancels; here it is left out, and the
    value of a finished painting is 0 by construction rather than learned.

    Args:
        reward: Judges each bundle; a `LearnedReward` is trained too.
        critic: Makes V from the observation's channels.
        actor_optimizer: Makes the actor's optimizer.
        critic_optimizer: Makes the critic's.
        reward_optimizer: Makes that of a learned reward.
        actor_scheduler: Makes a schedule in updates; None keeps the rate. The same for the others.
        critic_scheduler: See `actor_scheduler`.
        reward_scheduler: See `actor_scheduler`.
        discount: Per stroke; a bundle of K is discounted by ``discount ** K`` (section 3.3.2).
        tau: Weight of the newest networks in the slow copies' averages.
        target_batch_statistics: Run the target actor on each batch's statistics, as the authors'
            code does, instead of on averaged ones.
        shared: Arguments of `PaintingAgent`.
    """

    def __init__(
        self, *, reward: Reward, critic: CriticFactory, actor_optimizer: OptimizerFactory,
        critic_optimizer: OptimizerFactory, reward_optimizer: OptimizerFactory,
        actor_scheduler: SchedulerFactory | None = None,
        critic_scheduler: SchedulerFactory | None = None,
        reward_scheduler: SchedulerFactory | None = None,
        discount: float = 0.95, tau: float = 0.001, target_batch_statistics: bool = False,
        **shared: Any,
    ) -> None:  # fmt: skip
        super().__init__(**shared)
        self.reward = reward
        self.critic = critic(OBSERVATION_CHANNELS)
        self.target_actor = frozen_copy(self.actor)
        self.target_critic = frozen_copy(self.critic)
        self.discount = discount**self.environment.bundle
        self.tau = tau
        self.target_batch_statistics = target_batch_statistics
        learners = {
            "critic": Learner(self.critic, critic_optimizer, critic_scheduler),
            "actor": Learner(self.actor, actor_optimizer, actor_scheduler),
        }
        if isinstance(reward, LearnedReward):
            learners["reward"] = Learner(reward.trained, reward_optimizer, reward_scheduler)
        if self.environment.max_steps == 1:
            del learners["critic"]  # a painting of one bundle has no future to value
        # A critic that is zero by design has nothing to optimize.
        self.networks_that_learn = {
            name: learner
            for name, learner in learners.items()
            if any(parameter.requires_grad for parameter in learner.network.parameters())
        }

    def configure_optimizers(self) -> Any:
        """One optimizer per network that learns, each with a schedule in updates."""
        configured: list[dict[str, Any]] = []
        for learner in self.networks_that_learn.values():
            optimizer = learner.optimizer(learner.network.parameters())
            configured.append({"optimizer": optimizer})
            if learner.scheduler is not None:
                configured[-1]["lr_scheduler"] = learner.scheduler(optimizer)
        return configured

    def train(self, mode: bool = True) -> "ModelBasedDDPG":
        """Slow copies and renderer stay in evaluation mode, whatever the rest does."""
        super().train(mode)
        self.renderer.eval()
        self.target_critic.eval()
        self.target_actor.train(mode and self.target_batch_statistics)
        if isinstance(self.reward, LearnedReward):
            self.reward.eval()
            self.reward.trained.train(mode)
        return self

    def update(self, transition: Transition) -> Figures:
        """Critic, actor and discriminator in turn, then the slow copies."""
        figures = self.update_critic(transition)
        figures |= self.update_actor(transition)
        figures |= self.update_discriminator(transition)
        polyak_update(self.target_actor, self.actor, self.tau)
        polyak_update(self.target_critic, self.critic, self.tau)
        return figures

    def update_critic(self, transition: Transition) -> Figures:
        """V(s_{t+1}) towards the discounted reward of the target policy from there on."""
        if "critic" not in self.networks_that_learn:
            return {}
        state = transition.next_state
        with torch.no_grad():
            following = self.environment.step(state, self._act(self.target_actor, state))
            reward = self.reward(state.canvas, following.canvas, state.target)  # (B,)
            value = reward + self._value(self.target_critic, following)
            value = self.discount * value * ~self.environment.done(state)
        loss = F.mse_loss(self._value(self.critic, state), value)
        self._step("critic", loss)
        return {"critic_loss": loss.detach(), "value": value.mean()}

    def update_actor(self, transition: Transition) -> Figures:
        """pi(s_t) towards more reward now and more value afterwards, through the renderer."""
        state = transition.state
        with self.toggled_optimizer(self._optimizer("actor")):
            following = self.environment.step(state, self._act(self.actor, state))
            reward = self.reward(state.canvas, following.canvas, state.target)  # (B,)
            value = self._value(self.critic, following)  # (B,)
            loss = -(reward + value).mean()
            self._step("actor", loss)
        return {"actor_loss": loss.detach(), "reward": reward.detach().mean()}

    def update_discriminator(self, transition: Transition) -> Figures:
        """One step of a learned reward's network on the newest canvases, then of its slow copy."""
        if not isinstance(self.reward, LearnedReward):
            return {}
        state = transition.next_state
        loss, figures = self.reward.loss(state.canvas, state.target, self.generator)
        self._step("reward", loss)
        self.reward.update_target()
        return {"discriminator_loss": loss.detach(), **figures}

    def _act(self, actor: nn.Module, state: State) -> Tensor:
        action: Tensor = actor(self.environment.observe(state))
        return action

    def _value(self, critic: nn.Module, state: State) -> Tensor:
        """V(s), (B,), 0 where the painting is finished."""
        if "critic" not in self.networks_that_learn:
            return state.canvas.new_zeros(state.canvas.shape[0])
        value: Tensor = critic(self.environment.observe(state))
        return value * ~self.environment.done(state)

    def _optimizer(self, name: str) -> Any:
        """Lightning's wrapper of one network's optimizer, which counts and scales its steps."""
        return _as_list(self.optimizers())[list(self.networks_that_learn).index(name)]

    def _step(self, name: str, loss: Tensor) -> None:
        """One step of one network's optimizer and of its schedule."""
        optimizer = self._optimizer(name)
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        scheduled = [key for key, learner in self.networks_that_learn.items() if learner.scheduler]
        if name in scheduled:
            _as_list(self.lr_schedulers())[scheduled.index(name)].step()


def _as_list(one_or_more: Any) -> list[Any]:
    """Lightning hands out one thing bare, and several as a list."""
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]
