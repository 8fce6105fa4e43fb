"""SAGAN as a reward."""

from painting.rewards.sngan import SnganReward


class SaganReward(SnganReward):
    """SNGAN's hinge loss, on a discriminator that attends to all places of its maps.

    Zhang et al., "Self-Attention Generative Adversarial Networks", 2019: the loss is Eq. 4, the
    attention Eq. 1 to 3 (``attention:`` of `painting.networks.Discriminator`), all of it spectrally
    normalized (section 4.1). Of five GANs as a reward for painting it learned fastest
    (a comparison over 5,000 updates), and takes the longest per update.

    Args:
        discriminator: See `AdversarialReward`.
        tau: See `SnganReward`.
    """
