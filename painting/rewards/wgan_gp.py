"""The papers' reward: a conditional Wasserstein GAN with gradient penalty."""

import torch
from torch import Tensor, nn

from painting.rewards.adversarial import AdversarialReward, check_weight
from painting.rewards.penalties import gradient_penalty


class WganGpReward(AdversarialReward):
    """D minimizes E D(I, C) - E D(I, I) + weight * E (||grad D(I, x)|| - 1)^2, x between I and C.

    ICCV 2019, section 3.3.3; Gulrajani et al., "Improved Training of Wasserstein GANs", Eq. 3.

    Args:
        discriminator: See `AdversarialReward`.
        gradient_penalty_weight: Weight of the penalty in the discriminator's loss.
        tau: See `AdversarialReward`.
    """

    def __init__(
        self, discriminator: nn.Module, gradient_penalty_weight: float = 10.0, tau: float = 0.001
    ) -> None:
        super().__init__(discriminator, tau)
        self.gradient_penalty_weight = check_weight(
            "gradient_penalty_weight", gradient_penalty_weight
        )

    def loss(
        self, canvas: Tensor, target: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The equation above; `wasserstein` is the distance that D presently sees."""
        real, fake = self.judge(canvas, target)
        distance = real.mean() - fake.mean()
        penalty = gradient_penalty(self.discriminator, target, canvas, generator)
        figures = {"wasserstein": distance.detach(), "gradient_penalty": penalty.detach()}
        return self.gradient_penalty_weight * penalty - distance, figures
