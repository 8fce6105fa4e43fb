"""Cramér GAN as a reward."""

import torch
from torch import Tensor, nn

from impasto.errors import UserError
from impasto.rl.rewards.adversarial import PenalizedReward
from impasto.rl.rewards.penalties import gradient_penalty


class CramerGanReward(PenalizedReward):
    """r = ||h'(I, C_t) - h'(I, I)|| - ||h'(I, C_{t+1}) - h'(I, I)||, h' the target network.

    The embedding h maximizes the energy distance between real and painted pairs, in the paper's
    form that needs no second real sample: with f(p) = ||h(p) - h(p')|| - ||h(p)||, it minimizes
    E f(I, C) - E f(I, I) + weight * E (||grad f(I, x)|| - 1)^2, x between I and C (Bellemare et
    al., "The Cramer Distance as a Solution to Biased Wasserstein Gradients", 2017, Algorithm 1).
    p' is a painted pair that is independent of p: that of the next target in the batch.

    A canvas is scored without f, which says how a pair compares with *other* paintings and would
    need some. For one target I the real pair and the painting are two points, and the energy
    distance of two points is 2 ||h(I, C) - h(I, I)||; half of that is what a canvas still lacks. It
    is the term ||h(x_r) - h(x_g)|| of the paper's generator loss.

    Args:
        discriminator: The embedding h, of pairs (B, 3, H, W) to (B, d).
        gradient_penalty_weight: Weight of the penalty; the paper's lambda.
        tau: See `AdversarialReward`.
    """

    def score(self, canvas: Tensor, target: Tensor) -> Tensor:
        """Return -||h'(I, C) - h'(I, I)||, (B,); 0 for a perfect painting."""
        real, fake = _embed(self.target_discriminator, canvas, target)
        return -_length(fake - real)

    def loss(
        self, canvas: Tensor, target: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The equation above; `energy_distance` is E f(I, I) - E f(I, C), of which h sees most.

        Raises:
            UserError: There is only one canvas, and so no independent one.
        """
        if canvas.shape[0] < 2:
            what = "`batch_size` is 1, and cramer_gan compares paintings with each other"
            raise UserError(what, "give `batch_size=2` or more")
        real, fake = _embed(self.discriminator, canvas, target)
        other = fake.roll(1, 0)  # (B, d), of the painted pairs p'
        distance = _critic(real, other).mean() - _critic(fake, other).mean()

        def critic(target: Tensor, picture: Tensor) -> Tensor:
            return _critic(self.discriminator(target, picture), other)

        penalty = gradient_penalty(critic, target, canvas, generator)
        metrics = {"energy_distance": distance.detach(), "gradient_penalty": penalty.detach()}
        return self.gradient_penalty_weight * penalty - distance, metrics


def _critic(embedding: Tensor, other: Tensor) -> Tensor:
    """f, (B,), of h(p) and h(p'), (B, d) each."""
    return _length(embedding - other) - _length(embedding)


def _length(vectors: Tensor) -> Tensor:
    """(B, d) to (B,)."""
    length: Tensor = vectors.norm(dim=1)
    return length


def _embed(network: nn.Module, canvas: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """h(I, I) and h(I, C) in one pass, (B, d) each.

    Raises:
        ValueError: The network does not give a vector per pair.
    """
    count = canvas.shape[0]
    embedding = network(torch.cat([target, target]), torch.cat([target, canvas]))
    if embedding.ndim != 2 or embedding.shape[0] != 2 * count:
        raise ValueError(
            f"{type(network).__name__} returned {tuple(embedding.shape)} for {2 * count} pairs, "
            f"not ({2 * count}, d)"
        )
    return embedding[:count], embedding[count:]
