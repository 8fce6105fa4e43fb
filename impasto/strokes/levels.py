"""Rounding of uniform numbers to discrete levels, with a gradient."""

from collections.abc import Sequence

import torch
from torch import Tensor

from impasto.runtime.constants import constant

_CHANCE = 0.01  # at which the farther of two levels is drawn at least: nothing is ever settled


def to_levels(shape: Tensor, levels: Sequence[int]) -> Tensor:
    """Round each number of shapes to the nearest of its levels; the gradient passes straight.

    Args:
        shape: (..., S) in [0, 1].
        levels: How many each of the S numbers has, at least 2; 0 is any value. Without any it is
            the same tensor.

    Returns:
        (..., S). Its gradient is that of the number itself (Bengio et al., 2013).
    """
    if not levels:
        return shape
    few, steps = _steps(shape, levels)
    rounded = torch.where(few, (shape.detach().clamp(0, 1) * steps).round() / steps, shape)
    return rounded + torch.where(few, shape - shape.detach(), 0.0)


def even_levels(shape: Tensor, levels: Sequence[int]) -> Tensor:
    """Convert uniform numbers (..., S) in [0, 1] to equally likely levels; see `to_levels`."""
    few, steps = _steps(shape, levels)
    return torch.where(few, (shape * (steps + 1)).floor().clamp_max(steps) / steps, shape)


def gumbel_levels(
    shape: Tensor, levels: Sequence[int], temperature: float, generator: torch.Generator | None
) -> Tensor:
    """Draw each number of shapes at one of the two levels around it.

    The nearer, the likelier: in the mean it is the number itself, but for one draw in a hundred,
    so that no number is without a gradient. This is that of the Gumbel-softmax of the two (Jang et
    al., 2017), its forward value the level drawn; a flag is 1 as often as its number says.

    Args:
        shape: (..., S) in [0, 1].
        levels: See `to_levels`.
        temperature: Of the softmax; with a low one the gradient is that of fewer and larger steps.
        generator: Of the random numbers, on `shape`'s device.
    """
    few, steps = _steps(shape, levels)
    place = shape * steps
    below = torch.minimum(place.detach().floor(), steps - 1)
    share = _CHANCE + (1 - 2 * _CHANCE) * (place - below)  # of the level above
    noise = torch.rand(shape.shape, generator=generator, device=shape.device).clamp(1e-6, 1 - 1e-6)
    soft = (share.logit() + noise.logit().to(shape)).div(temperature).sigmoid()
    drawn = (soft.detach() > 0.5).to(shape)
    return torch.where(few, (below + drawn + (soft - soft.detach())) / steps, shape)


def _steps(shape: Tensor, levels: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return a mask (S,) of the numbers with levels, and each one's steps from 0 to 1, or 1."""
    count = constant(levels, shape)
    return count > 0, (count - 1).clamp_min(1)
