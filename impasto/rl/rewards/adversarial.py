"""Base of rewards by a discriminator."""

from torch import Tensor, cat, nn

from impasto.bounds import Fraction, NotNegative, validated
from impasto.networks import frozen_copy, polyak_update
from impasto.rl.rewards.base import LearnedReward, one_per_canvas


@validated
class AdversarialReward(LearnedReward):
    """r = D'(I, C_{t+1}) - D'(I, C_t), D' a discriminator's target network.

    ICCV 2019, section 3.3.3: the real pair is (I, I), the fake one (I, C), and D learns to score
    the first higher. Nothing is stored: the reward is computed anew with the present D' at every
    use. A variant subclasses this with its loss.

    Args:
        discriminator: Scores pairs (target, canvas), (B, 3, H, W) each, as (B,).
        tau: Weight of D in the average D' after each of D's steps.
    """

    def __init__(self, discriminator: nn.Module, tau: Fraction = 0.001) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.target_discriminator = frozen_copy(discriminator)
        self.tau = tau

    @property
    def trained(self) -> nn.Module:
        """The discriminator D."""
        return self.discriminator

    def score(self, canvas: Tensor, target: Tensor) -> Tensor:
        """Return D'(I, C), (B,)."""
        score: Tensor = self.target_discriminator(target, canvas)
        return score

    def judge(self, canvas: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return D(I, I) and D(I, C), (B,) each, in one pass, as losses need them."""
        count = canvas.shape[0]
        scores = self.discriminator(cat([target, target]), cat([target, canvas]))
        scores = one_per_canvas(scores, 2 * count, type(self.discriminator).__name__)
        return scores[:count], scores[count:]

    def update_target(self) -> None:
        """Average the target network: D' <- (1 - tau) D' + tau D."""
        polyak_update(self.target_discriminator, self.discriminator, self.tau)


@validated
class PenalizedReward(AdversarialReward):
    """Adversarial reward whose discriminator is penalized for a gradient norm other than 1.

    Args:
        discriminator: See `AdversarialReward`.
        gradient_penalty_weight: Weight of the penalty in the discriminator's loss.
        tau: See `AdversarialReward`.
    """

    def __init__(
        self,
        discriminator: nn.Module,
        gradient_penalty_weight: NotNegative = 10.0,
        tau: Fraction = 0.001,
    ) -> None:
        super().__init__(discriminator, tau)
        self.gradient_penalty_weight = gradient_penalty_weight
