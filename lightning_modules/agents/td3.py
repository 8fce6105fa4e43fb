"""Twin delayed DDPG (Fujimoto et al., 2018), made model-based."""

from typing import Any

import torch
from torch import Tensor, nn

from impasto.bounds import Count, NotNegative, validated
from impasto.networks import TwinCritic
from impasto.rl.environment import OBSERVATION_CHANNELS, State
from impasto.rl.replay import Transition
from lightning_modules.agents.actor_critic import CriticFactory
from lightning_modules.agents.model_based_ddpg import ModelBasedDDPG
from lightning_modules.base import Metrics


@validated
class TD3(ModelBasedDDPG):
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
        shared: Arguments of `ActorCritic`.
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

    @property
    def actor_is_due(self) -> bool:
        """Return True if the present update moves the actor."""
        return (self.update_count + 1) % self.actor_every == 0

    def update_critic(self, transition: Transition) -> Metrics:
        """Regress both V(s_{t+1}) on the same target value, by the lower of the target critics."""
        if "critic" not in self.networks_that_learn:
            return {}
        state = transition.next_state
        values = self.values(self.critic, state)  # (B, 2)
        target_value = self.target_value(state)[:, None].expand_as(values)
        return self.fit_critic(values, target_value, transition, self.environment.done(state))

    def update_actor(self, transition: Transition) -> Metrics:
        """Update the actor as `ModelBasedDDPG` does, by V_1, at every d-th update."""
        return super().update_actor(transition) if self.actor_is_due else {}

    def update_target_networks(self) -> None:
        """Average the target networks at every d-th update."""
        if self.actor_is_due:
            super().update_target_networks()

    def future(self, state: State) -> Tensor:
        """Return min_i V'_i(s), (B,)."""
        return self.values(self.target_critic, state).amin(1)

    def target_action(self, state: State) -> Tensor:
        """Return the disturbed target action a~, (B, K * D)."""
        action = super().target_action(state)
        noise = torch.randn(action.shape, generator=self.generator, device=action.device)
        noise = (self.target_noise * noise).clamp(-self.noise_clip, self.noise_clip)
        return (action + noise).clamp(0, 1)

    def values(self, critic: nn.Module, state: State) -> Tensor:
        """Return V_1(s) and V_2(s), (B, 2); 0 where the painting is finished."""
        values: Tensor = critic(self.environment.observe(state))
        return values * ~self.environment.done(state)[:, None]

    def value(self, critic: nn.Module, state: State) -> Tensor:
        """Return V_1(s), (B,), which the actor climbs."""
        if "critic" not in self.networks_that_learn:
            return super().value(critic, state)
        return self.values(critic, state)[:, 0]
