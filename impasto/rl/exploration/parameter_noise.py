"""Parameter space noise (Plappert et al., 2018)."""

import copy
from typing import Annotated, Any

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from impasto.bounds import Positive, validated
from impasto.rl.exploration.base import Behaviour, Exploration

# Their scales and shifts say how strong a feature is, not what it is: Plappert et al. leave them.
_NORMALIZATIONS = (_NormBase, nn.GroupNorm, nn.LayerNorm)


@torch.no_grad()
def perturb(
    perturbed: nn.Module, actor: nn.Module, sigma: float, generator: torch.Generator
) -> None:
    """Make one network a noisy copy of another: theta~ = theta + N(0, sigma^2 I).

    Section 3 of Plappert et al. Parameters of normalizations, and buffers, are copied without
    noise: what noise does to the features before a normalization is then of one size at every
    layer, whatever the scale of its weights.

    Args:
        perturbed: Overwritten; of the same structure as `actor`.
        actor: What is copied.
        sigma: Standard deviation.
        generator: Source of randomness, on the parameters' device.
    """
    plain = {
        f"{name}.{key}" if name else key
        for name, module in actor.named_modules()
        if isinstance(module, _NORMALIZATIONS)
        for key, _ in module.named_parameters(recurse=False)
    }
    noisy = dict(perturbed.named_parameters())
    for name, parameter in actor.named_parameters():
        noisy[name].copy_(parameter)
        if name not in plain:
            noise = torch.randn(parameter.shape, generator=generator, device=parameter.device)
            noisy[name].add_(noise, alpha=sigma)
    for to, of in zip(perturbed.buffers(), actor.buffers(), strict=True):
        to.copy_(of)


@validated
class ParameterNoise(Exploration):
    """Rollouts by an actor whose weights were disturbed, as much as changes actions by `distance`.

    Plappert et al. (ICLR 2018), sections 3 and 4: the same disturbance for a whole rollout, so that
    its actions are odd in the same way wherever states are alike. How much noise changes the
    actions depends on the weights, and changes as they learn; so sigma is adapted after each
    rollout

        d(pi, pi~) = sqrt( mean over states and action numbers of (pi(s) - pi~(s))^2 )
        sigma <- sigma * factor  if d <= distance,  else  sigma / factor

    The paper puts layer normalization between the actor's layers: ``norm="layer"`` of `Actor`.

    Args:
        distance: delta, in units of the action, whose range is [0, 1].
        sigma: Standard deviation of the first rollout's noise on the weights.
        factor: By what sigma is adapted, above 1.
    """

    def __init__(
        self,
        distance: Positive = 0.02,
        sigma: Positive = 0.01,
        factor: Annotated[float, Gt(1)] = 1.01,
    ) -> None:
        self.distance = distance
        self.sigma = sigma
        self.factor = factor
        self._perturbed: nn.Module | None = None
        self._squares: list[Tensor] = []

    def begin(self, actor: nn.Module, generator: torch.Generator) -> Behaviour:
        """Return the actor with disturbed weights."""
        if self._perturbed is None:
            self._perturbed = copy.deepcopy(actor).requires_grad_(False)
        perturbed = self._perturbed.eval()
        perturb(perturbed, actor, self.sigma, generator)
        self._squares = []

        def behave(observation: Tensor) -> Tensor:
            action: Tensor = perturbed(observation)
            self._squares.append((action - actor(observation)).square().mean())
            return action

        return behave

    def end(self) -> None:
        """Adapt sigma to how far the rollout's actions were from the actor's."""
        if not self._squares:
            return
        distance = torch.stack(self._squares).mean().sqrt()
        self.sigma *= self.factor if float(distance) <= self.distance else 1 / self.factor
        self._squares = []

    def state_dict(self) -> dict[str, Any]:
        """Return the present sigma."""
        return {"sigma": self.sigma}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load sigma."""
        self.sigma = float(state["sigma"])
