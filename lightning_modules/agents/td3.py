"""Twin delayed DDPG (Fujimoto et al., 2018), made model-based."""

from typing import Any

import torch
from torch import Tensor, nn

from impasto.bounds import Count, NotNegative, validated
from impasto.networks import TwinCritic
from impasto.rl.environment import OBSERVATION_CHANNELS, State
from impasto.rl.replay import Transition
from lightning_modules.agents.off_policy import CriticFactory, OffPolicyAgent
from lightning_modules.base import Metrics


@validated
class TD3(OffPolicyAgent):
    """`ModelBasedDDPG` with the three changes of Fujimoto et al. (ICML 2018, Algorithm 1).

    Twin critics V_1 and V_2 learn from the lower of the target critics' values, target actions are
    disturbed, and the actor and all target networks move only at every d-th update:

        a~ = clip(pi'(s) + clip(N(0, noise^2), -c, c), 0, 1)
        V_1(s), V_2(s)  <-  discount * [r(s, a~) + min_i V'_i(trans(s, a~))]
        pi maximizes  r(s, pi(s)) + V_1(trans(s, pi(s)))

    The paper's noise of 0.2 and clip of 0.5 are for actions in [-1, 1]; half of that would be a
    tenth of the canvas here, and blur every stroke away.

    Args:
        target_noise: Standard deviation of the noise, in units of the action.
        noise_clip: c.
        actor_every: d.
        shared: Arguments of `OffPolicyAgent`.
    """

    def __init__(
        self,
        *,
        target_noise: NotNegative = 0.02,
        noise_clip: NotNegative = 0.05,
        actor_every: Count = 2,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.target_noise = target_noise
        self.noise_clip = noise_clip
        self.actor_every = actor_every

    def make_critic(self, factory: CriticFactory) -> nn.Module:
        """Build V_1 and V_2, which share nothing."""
        return TwinCritic(factory(OBSERVATION_CHANNELS), factory(OBSERVATION_CHANNELS))

    def update(self, transition: Transition) -> Metrics:
        """Update critics and discriminator; actor and target networks at every d-th update."""
        actor_is_due = (self.update_count + 1) % self.actor_every == 0
        metrics = self.update_critic(transition)
        if actor_is_due:
            metrics |= self.update_actor(transition)
        metrics |= self.update_discriminator(transition)
        if actor_is_due:
            self.update_target_networks()
        return metrics

    def update_critic(self, transition: Transition) -> Metrics:
        """Regress both V(s_{t+1}) on the same target value, by the lower of the target critics."""
        if "critic" not in self.networks_that_learn:
            return {}
        state = transition.next_state
        values = self.values(self.critic, state)  # (B, 2)
        target_value = self.target_value(state)[:, None].expand_as(values)
        return self.fit_critic(values, target_value, transition, self.environment.done(state))

    def update_actor(self, transition: Transition) -> Metrics:
        """Move pi(s_t) towards more reward now and more V_1 afterwards, through the renderer."""
        state = transition.state
        with self.toggled_optimizer(self.optimizer_of("actor")):
            following = self.environment.step(state, self.act(self.actor, state))
            reward = self.reward(state.canvas, following.canvas, state.target)  # (B,)
            loss = -(reward + self.values(self.critic, following)[:, 0]).mean()
            self.descend("actor", loss)
        return {"actor_loss": loss.detach(), "reward": reward.detach().mean()}

    @torch.no_grad()
    def target_value(self, state: State) -> Tensor:
        """Return the target value of V_1(s) and V_2(s), (B,); 0 where finished."""
        following = self.environment.step(state, self.target_action(state))
        reward = self.reward(state.canvas, following.canvas, state.target)  # (B,)
        future = self.values(self.target_critic, following).amin(1)  # min_i V'_i, (B,)
        value: Tensor = self.discount * (reward + future)
        return value * ~self.environment.done(state)

    def target_action(self, state: State) -> Tensor:
        """Return the disturbed target action a~, (B, K * D)."""
        action = self.act(self.target_actor, state)
        noise = torch.randn(action.shape, generator=self.generator, device=action.device)
        noise = (self.target_noise * noise).clamp(-self.noise_clip, self.noise_clip)
        return (action + noise).clamp(0, 1)

    def values(self, critic: nn.Module, state: State) -> Tensor:
        """Return V_1(s) and V_2(s), (B, 2); 0 where the painting is finished, or there is none."""
        if "critic" not in self.networks_that_learn:
            return state.canvas.new_zeros(len(state.canvas), 2)
        values: Tensor = critic(self.environment.observe(state))
        return values * ~self.environment.done(state)[:, None]
