"""The papers' reward: a conditional Wasserstein GAN with gradient penalty."""

import torch
from torch import Tensor

from impasto.rl.rewards.adversarial import PenalizedReward
from impasto.rl.rewards.penalties import gradient_penalty


class WganGpReward(PenalizedReward):
    """D minimizes E D(I, C) - E D(I, I) + weight * E (||grad D(I, x)|| - 1)^2, x between I and C.

    ICCV 2019, section 3.3.3; Gulrajani et al., "Improved Training of Wasserstein GANs", Eq. 3.

    The arguments are those of `PenalizedReward`.
    """

    def loss(
        self, canvas: Tensor, target: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The equation above; `wasserstein` is the distance that D presently sees."""
        real, fake = self.judge(canvas, target)
        distance = real.mean() - fake.mean()
        penalty = gradient_penalty(self.discriminator, target, canvas, generator)
        metrics = {"wasserstein": distance.detach(), "gradient_penalty": penalty.detach()}
        return self.gradient_penalty_weight * penalty - distance, metrics
