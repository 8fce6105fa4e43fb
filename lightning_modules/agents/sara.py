"""The agent of the first paper, SARA, whose critic also sees the canvas before the last bundle."""

import torch
from torch import Tensor, nn

from impasto.rl.environment import OBSERVATION_CHANNELS, State
from lightning_modules.agents.model_based_ddpg import ModelBasedDDPG
from lightning_modules.agents.off_policy import CriticFactory


class Sara(ModelBasedDDPG):
    """`ModelBasedDDPG` with the critic of SARA, Figure 14: V(C_{t-1}, C_t, I, t).

    The canvas before the last bundle stands behind what every critic sees, as three more planes.

    The arguments are those of `OffPolicyAgent`.
    """

    def make_critic(self, factory: CriticFactory) -> nn.Module:
        """Build V from the observation's channels and those of a canvas."""
        return factory(OBSERVATION_CHANNELS + 3)

    def value_after(self, critic: nn.Module, before: State, state: State) -> Tensor:
        """See `ModelBasedDDPG.value_after`; both canvases are seen."""
        if "critic" not in self.networks_that_learn:
            return self.value(critic, state)
        seen = torch.cat([self.environment.observe(state), before.canvas], dim=1)
        value: Tensor = critic(seen)
        return value * ~self.environment.done(state)
