"""Model-based DDPG (ICCV 2019, section 3.3.1)."""

import torch
from torch import Tensor, nn

from impasto.rl.environment import State
from impasto.rl.replay import Transition
from lightning_modules.agents.off_policy import OffPolicyAgent
from lightning_modules.base import Metrics


class ModelBasedDDPG(OffPolicyAgent):
    """DDPG whose actor is differentiated through the renderer, with a state value V(s) as critic.

    With r the reward, trans the environment, pi the actor and primes for target networks (Eq. 3,
    read as the authors' code does, with the discount inside V):

        V(s)  <-  discount * [r(s, pi'(s)) + V'(trans(s, pi'(s)))],   0 where the episode has ended
        pi maximizes  r(s, pi(s)) + V(trans(s, pi(s)))
        D minimizes its own loss on (I, C_{t+1})

    The authors add r(s_t, a_t) to both sides of the critic's loss, where it cancels; here it is
    left out, and the value of a finished painting is 0 by construction rather than learned.

    The arguments are those of `OffPolicyAgent`.
    """

    def update(self, transition: Transition) -> Metrics:
        """Update critic, actor, discriminator, then the target networks, in turn (section 5.2)."""
        metrics = self.update_critic(transition)
        metrics |= self.update_actor(transition)
        metrics |= self.update_discriminator(transition)
        self.update_target_networks()
        return metrics

    def update_critic(self, transition: Transition) -> Metrics:
        """Regress V(s_{t+1}) on what the target policy earns from there on (Eq. 3)."""
        if "critic" not in self.networks_that_learn:
            return {}
        state = transition.next_state
        target_value = self.target_value(state)  # first, while no activations are kept
        value = self.value_after(self.critic, transition.state, state)
        return self.fit_critic(value, target_value, transition, self.environment.done(state))

    def update_actor(self, transition: Transition) -> Metrics:
        """Move pi(s_t) towards more reward now and more value afterwards, through the renderer."""
        state = transition.state
        with self.toggled_optimizer(self.optimizer_of("actor")):
            following = self.environment.step(state, self.act(self.actor, state))  # Figure 4 (b)
            reward = self.reward(state.canvas, following.canvas, state.target)  # (B,)
            value = self.value_after(self.critic, state, following)  # (B,)
            loss = -(reward + value).mean()
            self.descend("actor", loss)
        return {"actor_loss": loss.detach(), "reward": reward.detach().mean()}

    def value_after(self, critic: nn.Module, before: State, state: State) -> Tensor:
        """Return V(s), (B,), of the state that a bundle led to from `before`; 0 where finished."""
        return self.value(critic, state)

    @torch.no_grad()
    def target_value(self, state: State) -> Tensor:
        """Return the target value of V(s) by the target networks, (B,); 0 where finished."""
        following = self.environment.step(state, self.act(self.target_actor, state))
        reward = self.reward(state.canvas, following.canvas, state.target)  # (B,)
        future = self.value_after(self.target_critic, state, following)
        value: Tensor = self.discount * (reward + future)
        return value * ~self.environment.done(state)
