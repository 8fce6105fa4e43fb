"""SAGAN as a reward."""

from impasto.rl.rewards.sngan import SnganReward


class SaganReward(SnganReward):
    """SNGAN's hinge loss, on a discriminator that attends to all places of its maps.

    Zhang et al., "Self-Attention Generative Adversarial Networks", 2019: the loss is Eq. 4, the
    attention Eq. 1 to 3 (``attention:`` of `impasto.networks.Discriminator`), all of it spectrally
    normalized (section 4.1). In a comparison of GANs as rewards for painting it learned fastest per
    update and took the longest per update (Kumar et al., "Learning to Paint using Reinforcement
    Learning", sections 3.3 and 4.3).

    Args:
        discriminator: See `AdversarialReward`.
        tau: See `SnganReward`.
    """
