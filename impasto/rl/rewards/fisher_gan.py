"""Fisher GAN as a reward."""

import torch
from torch import Tensor, nn

from impasto.bounds import Fraction, Positive, validated
from impasto.rl.rewards.adversarial import AdversarialReward


@validated
class FisherGanReward(AdversarialReward):
    """D maximizes E + lambda (1 - Omega) - rho / 2 (Omega - 1)^2, an augmented Lagrangian.

    E = E D(I, I) - E D(I, C) is the gap of the scores, and Omega = (E D(I, I)^2 + E D(I, C)^2) / 2
    their second moment, which is to be 1: no Lipschitz condition, no gradient penalty. lambda
    follows its own steps, lambda <- lambda + rho (Omega - 1) (Mroueh and Sercu, "Fisher GAN", 2017,
    Eq. 9 and 10, and Algorithm 1).

    Args:
        discriminator: See `AdversarialReward`.
        rho: Weight of the quadratic term, and lambda's rate. At the paper's 1e-6 Omega starts with
            hundreds and takes thousands of updates to 1; a reward should keep its scale.
        tau: See `AdversarialReward`.
    """

    def __init__(
        self, discriminator: nn.Module, rho: Positive = 0.01, tau: Fraction = 0.001
    ) -> None:
        super().__init__(discriminator, tau)
        self.rho = rho
        self.register_buffer("multiplier", torch.zeros(()))  # lambda, in the checkpoint
        self.multiplier: Tensor
        self._second_moment: Tensor | None = None  # of the last loss, until lambda's step

    def loss(
        self, canvas: Tensor, target: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus the equation above, at the present lambda."""
        real, fake = self.judge(canvas, target)
        gap = real.mean() - fake.mean()
        second_moment = (real.square().mean() + fake.square().mean()) / 2
        excess = second_moment - 1
        loss = self.multiplier.clone() * excess + self.rho / 2 * excess.square() - gap
        self._second_moment = second_moment.detach()
        metrics = {
            "score_gap": gap.detach(),
            "second_moment": self._second_moment,
            "multiplier": self.multiplier.clone(),
        }
        return loss, metrics

    def update_target(self) -> None:
        """Make lambda's step by the last loss's Omega, and D' <- (1 - tau) D' + tau D."""
        if self._second_moment is not None:
            self.multiplier += self.rho * (self._second_moment - 1)
            self._second_moment = None
        super().update_target()
