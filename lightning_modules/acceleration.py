"""Acceleration of training: memory layout, compilation, precision and fused optimizers.

Painting with a trained policy has its own fast form, `impasto.rl.inference`.
"""

import sys
from functools import partial

import torch
from pytorch_lightning.plugins.precision import MixedPrecision
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from impasto.runtime.precision import MIXED, check_compiling, missing_compiler, settled_precision
from lightning_modules.base import UpdateModule

_WORTH_COMPILING = 2000  # updates: compiling takes about a minute
# oneDNN reorders weights at every call. From here on, on maps of few places, that takes longer than
# the rest; with channels in front it is half the work.
_MANY_WEIGHTS = 2**20


class AutoPrecision(MixedPrecision):
    """Precision plugin of `precision=auto`, which chooses for a module before it is fitted.

    Args:
        device: The kind of device on which it will learn.
    """

    def __init__(self, device: str) -> None:
        super().__init__(MIXED, device)

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Choose the precision for the module, and return it unchanged."""
        assert isinstance(module, UpdateModule)
        self.precision = settled_precision(module.autocast_networks, self.device)  # type: ignore[assignment]
        return module

    def autocast_context_manager(self) -> torch.autocast:
        """Return Lightning's bfloat16 context, enabled if mixed precision was settled on."""
        on = self.precision == MIXED
        return torch.autocast(self.device, torch.bfloat16, enabled=on, cache_enabled=False)


def quicken(module: UpdateModule, device: torch.device, compiled: bool | str = "auto") -> None:
    """Make a module learn faster, and nothing else.

    Maps are laid out with channels last, as tensor cores and oneDNN want them. Compiled networks
    are called by the same names, and saved and loaded as before.

    Args:
        module: Before it is fitted.
        device: Where it will learn.
        compiled: Whether networks are compiled by `torch.compile`; ``auto`` does so on CUDA devices
            for runs of 2000 updates or more. On CPUs convolutions gain next to nothing by it.

    Raises:
        UserError: Compiling is demanded, and no compiler is there; or it is no such word.
    """
    _lay_out(module, device)
    check_compiling(compiled, device)
    long = module.updates - module.update_count >= _WORTH_COMPILING
    if compiled is False or (compiled == "auto" and not (device.type == "cuda" and long)):
        return
    if missing := missing_compiler(device):
        print(f"networks are not compiled, for want of {missing}", file=sys.stderr)
        return
    print("networks are compiled at their first use, which takes a while", file=sys.stderr)
    for network in module.compilable:
        network.compile(dynamic=False)


def _lay_out(module: nn.Module, device: torch.device) -> None:
    """Give the weights and maps of every convolution the memory format in which it is fastest.

    What weight normalization makes is contiguous: weights of another order it would first copy.
    """
    for conv in module.modules():
        if isinstance(conv, nn.Conv2d):
            many = device.type == "cpu" and conv.weight.numel() >= _MANY_WEIGHTS
            of_maps = torch.contiguous_format if many else torch.channels_last
            conv.to(memory_format=torch.contiguous_format if is_parametrized(conv) else of_maps)
            conv.register_forward_pre_hook(partial(_in_order, of_maps))


def _in_order(
    order: torch.memory_format, conv: nn.Module, inputs: tuple[torch.Tensor]
) -> tuple[torch.Tensor]:
    """Return a convolution's input in a memory format, which it mostly has already."""
    return (inputs[0].contiguous(memory_format=order),)
