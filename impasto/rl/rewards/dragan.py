"""DRAGAN as a reward."""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from impasto.bounds import Fraction, NotNegative, validated
from impasto.rl.rewards.adversarial import PenalizedReward
from impasto.rl.rewards.penalties import perturbed_gradient_penalty


@validated
class DraganReward(PenalizedReward):
    """The first GAN's loss, with D's slope held at 1 around the real pairs alone.

    D minimizes -E log s(D(I, I)) - E log(1 - s(D(I, C))) + weight * E (||grad D(I, x)|| - 1)^2,
    x = I + delta, with s the logistic function: D is what the first GAN's discriminator is before
    that (Kodali et al., "On Convergence and Stability of GANs", 2017: the local penalty of
    section 2, with k = 1). Against WGAN-GP's penalty it asks nothing of D between real and fake.

    Args:
        discriminator: See `AdversarialReward`.
        gradient_penalty_weight: Weight of the penalty; the paper's lambda.
        noise: How far delta goes, in standard deviations of the batch's pixels.
        tau: See `AdversarialReward`.
    """

    def __init__(
        self,
        discriminator: nn.Module,
        gradient_penalty_weight: NotNegative = 10.0,
        noise: NotNegative = 0.5,
        tau: Fraction = 0.001,
    ) -> None:
        super().__init__(discriminator, gradient_penalty_weight, tau)
        self.noise = noise

    def loss(
        self, canvas: Tensor, target: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss, by softplus(x) = -log(1 - s(x)), and `score_gap`, real minus fake."""
        real, fake = self.judge(canvas, target)
        entropy = softplus(-real).mean() + softplus(fake).mean()
        penalty = perturbed_gradient_penalty(self.discriminator, target, self.noise, generator)
        metrics = {
            "score_gap": (real.mean() - fake.mean()).detach(),
            "gradient_penalty": penalty.detach(),
        }
        return entropy + self.gradient_penalty_weight * penalty, metrics
