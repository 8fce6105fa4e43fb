"""Penalties that hold a discriminator's slope at 1."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

Score = Callable[[Tensor, Tensor], Tensor]


def between(fake: Tensor, real: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Points between pictures (B, C, H, W), at one factor per sample."""
    factor = torch.rand(real.shape[0], 1, 1, 1, generator=generator, device=real.device)
    return torch.lerp(fake, real, factor)


def slope_error(score: Tensor, points: Sequence[Tensor]) -> Tensor:
    """E (||grad score|| - 1)^2, a scalar that can be differentiated.

    Args:
        score: (B,), each of its own sample alone.
        points: Pictures (B, C, H, W) of which it was made; the gradient is by all of them.
    """
    gradients = torch.autograd.grad(score.sum(), points, create_graph=True)
    norm = torch.cat(gradients, dim=1).flatten(1).norm(dim=1)  # (B,)
    error: Tensor = (norm - 1).square().mean()
    return error


def slope_penalty(discriminator: Score, target: Tensor, picture: Tensor) -> Tensor:
    """E (||grad D(I, x)|| - 1)^2 at given pairs; the gradient is by both pictures of the pair.

    Args:
        discriminator: (B, 3, H, W) twice to (B,); differentiable twice.
        target: I, (B, 3, H, W).
        picture: x, (B, 3, H, W).

    Returns:
        A scalar that can be differentiated.
    """
    pair = [target.detach().clone().requires_grad_(), picture.detach().clone().requires_grad_()]
    with sdpa_kernel(SDPBackend.MATH):  # attention's fast kernels can be differentiated only once
        score = discriminator(*pair)
    return slope_error(score, pair)


def gradient_penalty(
    discriminator: Score, target: Tensor, canvas: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """The slope's penalty at x between I and C (Gulrajani et al., 2017, Eq. 3).

    The real pair is (I, I) and the fake one (I, C), so points between them are (I, x) with one
    interpolation factor per sample.

    Args:
        discriminator: See `slope_penalty`.
        target: I, (B, 3, H, W).
        canvas: C, (B, 3, H, W).
        generator: Source of the interpolation factors.
    """
    return slope_penalty(discriminator, target, between(canvas, target, generator))


def perturbed_gradient_penalty(
    discriminator: Score, target: Tensor, noise: float, generator: torch.Generator | None = None
) -> Tensor:
    """The slope's penalty at x = I + delta, around the real pairs alone (Kodali et al., 2017).

    The paper's delta is normal with one variance everywhere; its authors' code makes that
    proportional to the data's and multiplies by one uniform factor per sample, so that all
    distances up to it are covered. So here: delta = factor * noise * std(I) * N(0, 1).

    Args:
        discriminator: See `slope_penalty`.
        target: I, (B, 3, H, W); it stays as it is in the pair (I, x).
        noise: How far, in standard deviations of the batch's pixels.
        generator: Source of factors and noise.
    """
    device = target.device
    factor = torch.rand(target.shape[0], 1, 1, 1, generator=generator, device=device)
    delta = noise * target.std() * torch.randn(target.shape, generator=generator, device=device)
    return slope_penalty(discriminator, target, target + factor * delta)
