"""The papers' reward: a conditional Wasserstein GAN with gradient penalty."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from painting.networks import frozen_copy, polyak_update
from painting.rewards.base import LearnedReward

Score = Callable[[Tensor, Tensor], Tensor]


def gradient_penalty(
    discriminator: Score, target: Tensor, canvas: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """E (||grad D(I, x)|| - 1)^2 at x between I and C (Gulrajani et al., 2017, Eq. 3).

    The real pair is (I, I) and the fake one (I, C), so points between them are (I, x) with one
    interpolation factor per sample; the gradient is by both pictures of the pair.

    Args:
        discriminator: (B, 3, H, W) twice to (B,); differentiable twice.
        target: I, (B, 3, H, W).
        canvas: C, (B, 3, H, W).
        generator: Source of the interpolation factors.

    Returns:
        A scalar that can be differentiated.
    """
    factor = torch.rand(target.shape[0], 1, 1, 1, generator=generator, device=target.device)
    condition = target.detach().clone().requires_grad_()
    between = torch.lerp(canvas, target, factor).detach().requires_grad_()
    score = discriminator(condition, between)
    gradients = torch.autograd.grad(score.sum(), [condition, between], create_graph=True)
    norm = torch.cat(gradients, dim=1).flatten(1).norm(dim=1)  # (B,)
    penalty: Tensor = (norm - 1).square().mean()
    return penalty


class WganGpReward(LearnedReward):
    """r = D'(I, C_{t+1}) - D'(I, C_t), D' the slow copy of the discriminator.

    ICCV 2019, section 3.3.3. Nothing is stored: the reward is computed anew with the present D' at
    every use.

    Args:
        discriminator: Scores pairs (target, canvas), (B, 3, H, W) each, as (B,).
        gradient_penalty_weight: Weight of the penalty in the discriminator's loss.
        tau: Weight of D in the average D' after each of D's steps.
    """

    def __init__(
        self, discriminator: nn.Module, gradient_penalty_weight: float = 10.0, tau: float = 0.001
    ) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.target_discriminator = frozen_copy(discriminator)
        self.gradient_penalty_weight = gradient_penalty_weight
        self.tau = tau

    @property
    def trained(self) -> nn.Module:
        """The discriminator D."""
        return self.discriminator

    def score(self, canvas: Tensor, target: Tensor) -> Tensor:
        """D'(I, C), (B,)."""
        score: Tensor = self.target_discriminator(target, canvas)
        return score

    def loss(
        self, canvas: Tensor, target: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """E D(I, C) - E D(I, I) + weight * gradient penalty."""
        count = canvas.shape[0]
        pictures = torch.cat([canvas, target])
        fake, real = self.discriminator(torch.cat([target, target]), pictures).split(count)
        distance = real.mean() - fake.mean()
        penalty = gradient_penalty(self.discriminator, target, canvas, generator)
        figures = {"wasserstein": distance.detach(), "gradient_penalty": penalty.detach()}
        return self.gradient_penalty_weight * penalty - distance, figures

    def update_target(self) -> None:
        """D' <- (1 - tau) D' + tau D."""
        polyak_update(self.target_discriminator, self.discriminator, self.tau)
