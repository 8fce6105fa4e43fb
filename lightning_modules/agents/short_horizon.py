"""Analytic policy gradient over a short horizon (Xu et al., 2022: SHAC)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from impasto.bounds import Count, Fraction, validated
from impasto.rl.environment import State
from impasto.rl.replay import Transition
from lightning_modules.agents.off_policy import OffPolicyAgent
from lightning_modules.base import Metrics


class Unrolled(NamedTuple):
    """Rollout of the actor from B states, with its gradient.

    Attributes:
        states: s_t to s_{t+h}.
        reward: (B, h), 0 after the end of an episode.
    """

    states: list[State]
    reward: Tensor


@validated
class ShortHorizon(OffPolicyAgent):
    """The actor climbs the reward of its next h bundles through the canvas, and a value after them.

    The canvas is differentiable, so a policy gradient over many steps is exact; model-based DDPG
    uses one. From states s_0 of the replay, painting on with the actor itself (Xu et al., ICLR
    2022, Eq. 5, with the discount inside V as in `ModelBasedDDPG`):

        pi maximizes  sum over i < h of discount^i r(s_i, pi(s_i)) + discount^(h-1) V(s_h)

    The critic learns on the same states from TD(lambda) returns (Eq. 6 and 7) by the target critic:

        G_h = V'(s_h),   G_i = discount * [r_i + (1 - lambda) V'(s_{i+1}) + lambda G_{i+1}]
        V(s_i)  <-  G_i   for i < h

    Rewards and values after the end of an episode are 0. At h = 1 the actor's loss is that of
    `ModelBasedDDPG`.

    Args:
        horizon: h, in bundles.
        td_lambda: lambda, in [0, 1]; 0 looks one bundle ahead, 1 to the horizon.
        shared: Arguments of `OffPolicyAgent`.
    """

    target_networks = ("critic",)

    def __init__(self, *, horizon: Count = 4, td_lambda: Fraction = 0.95, **shared: Any) -> None:
        super().__init__(**shared)
        self.horizon = horizon
        self.td_lambda = td_lambda

    def update(self, transition: Transition) -> Metrics:
        """Roll the actor out from s_t; update critic and actor on that, then the others in turn."""
        with self.toggled_optimizer(self.optimizer_of("actor")):
            unrolled = self.unroll(transition.state)
        metrics = self.update_critic(unrolled, transition)
        metrics |= self.update_actor(unrolled)
        metrics |= self.update_discriminator(transition)
        self.update_target_networks()
        return metrics

    def update_critic(self, unrolled: Unrolled, transition: Transition) -> Metrics:
        """Regress V(s_0) to V(s_{h-1}) on their returns (Eq. 6)."""
        if "critic" not in self.networks_that_learn:
            return {}
        returns = self.returns(unrolled)
        states = [detached(state) for state in unrolled.states[:-1]]
        return self.fit_critic(self.values(self.critic, states), returns, transition)

    def update_actor(self, unrolled: Unrolled) -> Metrics:
        """Move pi towards more reward up to the horizon and more value after it (Eq. 5)."""
        with self.toggled_optimizer(self.optimizer_of("actor")):
            discounts = self.discount ** torch.arange(self.horizon, device=self.device)
            last = self.value(self.critic, unrolled.states[-1])  # (B,)
            gain = (discounts * unrolled.reward).sum(1) + discounts[-1] * last
            loss = -gain.mean()
            self.descend("actor", loss)
        return {"actor_loss": loss.detach(), "reward": unrolled.reward.detach()[:, 0].mean()}

    def unroll(self, state: State) -> Unrolled:
        """Paint h bundles from s_0 on with the actor, differentiably."""
        states, rewards = [state], []
        for _ in range(self.horizon):
            following = self.environment.step(state, self.act(self.actor, state))
            reward = self.reward(state.canvas, following.canvas, state.target)  # (B,)
            rewards.append(reward * ~self.environment.done(state))
            states.append(following)
            state = following
        return Unrolled(states, torch.stack(rewards, dim=1))

    @torch.no_grad()
    def returns(self, unrolled: Unrolled) -> Tensor:
        """Return G_0 to G_{h-1}, (B, h); 0 after the end of an episode (Eq. 7)."""
        values = self.values(self.target_critic, unrolled.states[1:])  # V'(s_1) to V'(s_h)
        later = values[:, -1]  # G_h
        returns = []
        for i in reversed(range(self.horizon)):
            later = torch.lerp(values[:, i], later, self.td_lambda)
            over = self.environment.done(unrolled.states[i])
            later = self.discount * (unrolled.reward[:, i] + later) * ~over
            returns.append(later)
        return torch.stack(returns[::-1], dim=1)

    def values(self, critic: nn.Module, states: Sequence[State]) -> Tensor:
        """Return V of N states of each of B paintings, (B, N), in one pass."""
        joined = State(*(torch.cat(parts) for parts in zip(*states, strict=True)))
        return self.value(critic, joined).view(len(states), -1).T


def detached(state: State) -> State:
    """Return the same state without its gradient."""
    return State(*(part.detach() for part in state))
