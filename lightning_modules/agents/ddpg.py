"""Model-free DDPG (Lillicrap et al., 2016): the "original DDPG" of ICCV 2019, section 5.4.1."""

import torch
from torch import Tensor, nn

from impasto.rl.environment import State
from impasto.rl.replay import Transition
from lightning_modules.agents.off_policy import OffPolicyAgent
from lightning_modules.base import Metrics


class DDPG(OffPolicyAgent):
    """DDPG that learns what a stroke does from rewards alone, with an action value Q(s, a).

    ICCV 2019, Eq. 2 and Figure 4 (a); the actor never sees a gradient of the renderer:

        Q(s_t, a_t)  <-  r(s_t, a_t) + discount * Q'(s_{t+1}, pi'(s_{t+1})),   no Q' after the end
        pi maximizes  Q(s, pi(s))

    States, actions and canvases are those of the replay; the reward is computed anew by the present
    discriminator. A painting of one bundle needs its critic, too.

    The arguments are those of `OffPolicyAgent`; its critic is `impasto.networks.ActionCritic`.
    """

    model_based = False

    def update(self, transition: Transition) -> Metrics:
        """Update critic, actor and discriminator in turn, then the target networks."""
        metrics = self.update_critic(transition)
        metrics |= self.update_actor(transition)
        metrics |= self.update_discriminator(transition)
        self.update_target_networks()
        return metrics

    def update_critic(self, transition: Transition) -> Metrics:
        """Regress Q(s_t, a_t) on the reward earned and Q' of the target policy after it (Eq. 2)."""
        state, following = transition.state, transition.next_state
        with torch.no_grad():
            reward = self.reward(state.canvas, following.canvas, state.target)  # (B,)
            action = self.act(self.target_actor, following)
            future = self.action_value(self.target_critic, following, action)
            target_value = reward + self.discount * future * ~self.environment.done(following)
        value = self.action_value(self.critic, state, transition.action)
        return self.fit_critic(value, target_value, transition)

    def update_actor(self, transition: Transition) -> Metrics:
        """Move pi(s_t) towards more Q."""
        state = transition.state
        with self.toggled_optimizer(self.optimizer_of("actor")):
            loss = -self.action_value(self.critic, state, self.act(self.actor, state)).mean()
            self.descend("actor", loss)
        return {"actor_loss": loss.detach()}

    def action_value(self, critic: nn.Module, state: State, action: Tensor) -> Tensor:
        """Return Q(s, a), (B,)."""
        value: Tensor = critic(self.environment.observe(state), action)
        return value
