"""SNGAN as a reward."""

import torch
from torch import Tensor
from torch.nn.functional import relu

from impasto.rl.rewards.adversarial import AdversarialReward


class SnganReward(AdversarialReward):
    """D minimizes the hinge loss E max(0, 1 - D(I, I)) + E max(0, 1 + D(I, C)).

    Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018, Eq. 16. What
    bounds D's slope is not the loss but the network: each layer's weight is divided by its largest
    singular value (Eq. 8; ``norm: spectral`` of `impasto.networks.Discriminator`).

    Args:
        discriminator: See `AdversarialReward`.
        tau: See `AdversarialReward`; weights are averaged as they act, after the division.
    """

    def loss(
        self, canvas: Tensor, target: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The equation above; `score_gap` is the mean score of real minus that of fake pairs."""
        real, fake = self.judge(canvas, target)
        hinge = relu(1 - real).mean() + relu(1 + fake).mean()
        return hinge, {"score_gap": (real.mean() - fake.mean()).detach()}
