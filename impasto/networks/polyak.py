"""Target networks: frozen copies, and their Polyak averaging."""

import copy
from collections.abc import Iterable, Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations

Network = TypeVar("Network", bound=nn.Module)


def frozen_copy(network: Network) -> Network:
    """Copy a network: no shared storage, no gradient, in evaluation mode until told otherwise.

    Its batch statistics are those averaged by `polyak_update`, not a batch's. Spectrally normalized
    weights are plain ones in it, W / sigma(W): an average of W and of the vectors that estimate
    sigma would be neither normalized nor of any layer that ever was.
    """
    frozen = copy.deepcopy(network).eval()
    for _, module in list(_iterating(frozen)):
        make_plain(module)
    return frozen.requires_grad_(False)


def make_plain(module: nn.Module) -> None:
    """Replace a layer's parametrized weights by plain ones, as they act in evaluation mode."""
    weights, plain = _as_they_act(module), type_before_parametrizations(module)
    # Torch's own removal would also take the weights out of the class, which copies share.
    del module.parametrizations
    module.__class__ = plain
    for name, weight in weights.items():
        module.register_parameter(name, nn.Parameter(weight.detach().clone()))


@torch.no_grad()
def polyak_update(target: nn.Module, source: nn.Module, tau: float) -> None:
    """Average in place (Polyak): target <- (1 - tau) target + tau source.

    Floating-point buffers (batch statistics) are averaged like parameters; integer ones (counts)
    are copied. Of spectrally normalized layers the weights that act are averaged.

    Args:
        target: The target network, as `frozen_copy` made it.
        source: The network that learns.
        tau: Weight of `source`, in [0, 1].

    Raises:
        ValueError: They are not of the same structure.
    """
    targets, sources = _tensors(target), _tensors(source)
    if targets.keys() != sources.keys():
        raise ValueError(f"{type(source).__name__} has other tensors than its slow copy")
    floating = [name for name, tensor in targets.items() if tensor.is_floating_point()]
    if floating:
        torch._foreach_lerp_(
            [targets[name] for name in floating], [sources[name] for name in floating], tau
        )
    for name, tensor in targets.items():
        if not tensor.is_floating_point():
            tensor.copy_(sources[name])


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers by name; weights that iterate, as they act."""
    tensors: dict[str, Tensor] = dict(network.named_parameters())
    tensors |= dict(network.named_buffers())
    for prefix, module in _iterating(network):
        inside = f"{prefix}parametrizations."
        tensors = {key: value for key, value in tensors.items() if not key.startswith(inside)}
        tensors |= {f"{prefix}{name}": weight for name, weight in _as_they_act(module).items()}
    return tensors


def _iterating(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the layers whose parametrization has buffers (spectral norm), after their prefix."""
    for prefix, module in network.named_modules():
        parametrizations = getattr(module, "parametrizations", None)
        if parametrizations is not None and next(parametrizations.buffers(), None) is not None:
            yield f"{prefix}." if prefix else "", module


def _as_they_act(module: nn.Module) -> dict[str, Tensor]:
    """Return a layer's parametrized weights in evaluation mode, in which nothing iterates."""
    training = module.training
    module.eval()
    names: Iterable[str] = module.parametrizations.keys()  # type: ignore[union-attr, operator]
    weights = {name: getattr(module, name) for name in names}
    module.train(training)
    return weights
