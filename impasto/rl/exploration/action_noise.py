"""Noise added to actions."""

import math

import torch
from torch import Tensor, nn

from impasto.bounds import NotNegative, Positive, validated
from impasto.rl.exploration.base import Behaviour, Exploration


@validated
class ActionNoise(Exploration):
    """a_t = clip(pi(s_t) + n_t, 0, 1), with n_t Gaussian or an Ornstein-Uhlenbeck process.

    Lillicrap et al. (ICLR 2016), Eq. 7. The Ornstein-Uhlenbeck process dx = -theta x dt + s dW,
    sampled exactly at dt = 1 and begun in its stationary state, is

        n_0 ~ N(0, sigma^2),    n_{t+1} = c n_t + sqrt(1 - c^2) sigma N(0, 1),    c = exp(-theta)

    whose standard deviation is sigma at every step (s = sigma sqrt(2 theta)). Without a theta c is
    0 and the noise is independent from step to step: Gaussian action noise.

    Args:
        sigma: Standard deviation, in units of the action, whose range is [0, 1].
        theta: Rate at which the noise forgets, per step; None is at once.
    """

    def __init__(self, sigma: NotNegative = 0.02, theta: Positive | None = None) -> None:
        self.sigma = sigma
        self.correlation = 0.0 if theta is None else math.exp(-theta)

    def begin(self, actor: nn.Module, generator: torch.Generator) -> Behaviour:
        """Return the actor with noise, which starts anew with every rollout."""
        noise: Tensor | None = None
        fresh = math.sqrt(1 - self.correlation**2)

        def behave(observation: Tensor) -> Tensor:
            nonlocal noise
            action: Tensor = actor(observation)
            drawn = self.sigma * torch.randn(
                action.shape, generator=generator, device=action.device, dtype=action.dtype
            )
            noise = drawn if noise is None else self.correlation * noise + fresh * drawn
            return (action + noise).clamp(0, 1)

        return behave
