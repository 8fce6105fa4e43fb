"""Slow copies of networks."""

import copy
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def frozen_copy(network: Network) -> Network:
    """A copy that shares no storage, takes no gradient, and stays in evaluation mode until told.

    Its batch statistics are those averaged by `polyak_update`, not a batch's.
    """
    return copy.deepcopy(network).requires_grad_(False).eval()


@torch.no_grad()
def polyak_update(target: nn.Module, source: nn.Module, tau: float) -> None:
    """Polyak averaging in place: target <- (1 - tau) target + tau source.

    Floating-point buffers (batch statistics) are averaged like parameters; integer ones (counts)
    are copied.

    Args:
        target: The slow copy.
        source: The network that learns, of the same structure.
        tau: Weight of `source`, in [0, 1].
    """
    slow = [*target.parameters(), *target.buffers()]
    fast = [*source.parameters(), *source.buffers()]
    floating = [index for index, tensor in enumerate(slow) if tensor.is_floating_point()]
    if floating:
        torch._foreach_lerp_(
            [slow[index] for index in floating], [fast[index] for index in floating], tau
        )
    for to, of in zip(slow, fast, strict=True):
        if not to.is_floating_point():
            to.copy_(of)
