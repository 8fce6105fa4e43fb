"""What the tests of networks share."""

import itertools

import torch
from torch import Tensor, nn

SMALL = {"blocks": [1, 1], "width": 4}


def stir(network: nn.Module, seed: int = 0) -> None:
    """Random values in all parameters and floating buffers, also where a network starts at 0."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in itertools.chain(network.parameters(), network.buffers()):
            if tensor.is_floating_point():
                tensor.add_(torch.rand(tensor.shape, generator=generator), alpha=0.1)


def observation(*size: int) -> Tensor:
    return torch.rand(2, 9, *size, generator=torch.Generator().manual_seed(0))
