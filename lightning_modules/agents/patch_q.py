"""DDPG with patch-level values (ICCV 2019, section 5.4.1)."""

from typing import Any

import torch
from torch import Tensor, nn

from impasto.bounds import Count, validated
from impasto.compositing import to_tiles
from impasto.errors import UserError
from impasto.rl.environment import State
from impasto.rl.replay import Transition
from lightning_modules.agents.off_policy import OffPolicyAgent
from lightning_modules.base import Metrics


@validated
class PatchQ(OffPolicyAgent):
    """`DDPG` whose critic judges every patch of the picture by a reward of its own.

    "We split the images into patches before feeding the critic, then use the patch-level rewards to
    optimize the critic" (ICCV 2019, section 5.4.1): with s^p the patch p of canvas, target and
    coordinates, which tell the critic where it is,

        Q(s^p_t, a_t)  <-  r(s^p_t, a_t) + discount * Q'(s^p_{t+1}, pi'(s_{t+1}))
        pi maximizes  the mean over p of Q(s^p, pi(s))

    A learned reward judges patches, and so learns on these, of s_{t+1}.

    Args:
        patches: Patches on a side.
        shared: Arguments of `OffPolicyAgent`.

    Raises:
        UserError: `patches` doesn't divide the canvas.
    """

    model_based = False

    def __init__(self, *, patches: Count = 4, **shared: Any) -> None:
        super().__init__(**shared)
        size = self.renderer.canvas_size
        if size % patches:
            raise UserError(
                f"`patches={patches}` doesn't divide `canvas_size={size}`",
                "give a divisor of the canvas, such as `patches=4`",
            )
        self.patches = patches
        self._side = size // patches  # pixels

    @property
    def autocast_networks(self) -> list[tuple[nn.Module, int]]:
        """Actor, which sees whole canvases, and critic, which sees patches."""
        (actor, size), (critic, _) = super().autocast_networks
        return [(actor, size), (critic, self._side)]

    def update(self, transition: Transition) -> Metrics:
        """Update critic, actor and discriminator in turn, then the target networks."""
        metrics = self.update_critic(transition)
        metrics |= self.update_actor(transition)
        metrics |= self.update_discriminator(transition)
        self.update_target_networks()
        return metrics

    def update_critic(self, transition: Transition) -> Metrics:
        """Regress Q of every patch on its reward and on Q' of the target policy after it."""
        state, following = transition.state, transition.next_state
        with torch.no_grad():
            action = self.act(self.target_actor, following)
            future = self.action_value(self.target_critic, following, action)  # (B, P)
            goes_on = ~self.environment.done(following)[:, None]
            target_value = self.rewards(state, following) + self.discount * future * goes_on
        value = self.action_value(self.critic, state, transition.action)
        return self.fit_critic(value, target_value, transition)

    def update_actor(self, transition: Transition) -> Metrics:
        """Move pi(s_t) towards more Q in the mean over patches."""
        state = transition.state
        with self.toggled_optimizer(self.optimizer_of("actor")):
            loss = -self.action_value(self.critic, state, self.act(self.actor, state)).mean()
            self.descend("actor", loss)
        return {"actor_loss": loss.detach()}

    def update_discriminator(self, transition: Transition) -> Metrics:
        """Train a learned reward on the patches that it judges, all at once."""
        state = transition.next_state
        canvas, target = (to_tiles(p, self._side) for p in (state.canvas, state.target))
        patches = state._replace(canvas=canvas, target=target)
        return self.train_reward(patches)

    def rewards(self, state: State, following: State) -> Tensor:
        """Return the reward of every patch, (B, P)."""
        pictures = (state.canvas, following.canvas, state.target)
        patches = (to_tiles(picture, self._side) for picture in pictures)
        reward: Tensor = self.reward(*patches)  # (B * P,)
        return reward.view(len(state.canvas), -1)

    def action_value(self, critic: nn.Module, state: State, action: Tensor) -> Tensor:
        """Return Q of every patch, (B, P)."""
        observation = to_tiles(self.environment.observe(state), self._side)
        value: Tensor = critic(observation, action.repeat_interleave(self.patches**2, 0))
        return value.view(len(action), -1)
