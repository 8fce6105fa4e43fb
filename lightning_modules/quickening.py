"""The fast form of a module that learns, chosen here and nowhere else.

Precision is the trainer's; painting has a form of its own, `painting.fast`.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from inspect import signature

import torch
from torch import nn
from torch.optim import Optimizer

from lightning_modules.updates import UpdateModule
from painting.compiling import check_compiling, missing_compiler

OptimizerFactory = Callable[[Iterator[nn.Parameter]], Optimizer]

_WORTH_COMPILING = 2000  # updates: compiling takes about a minute


def quicken(module: UpdateModule, device: torch.device, compiled: bool | str = "auto") -> None:
    """Make a module learn faster, and nothing else.

    Weights are laid out with channels last, as tensor cores and oneDNN want them. Compiled networks
    are called by the same names, and saved and loaded as before.

    Args:
        module: Before it is fitted.
        device: Where it will learn.
        compiled: Whether networks are compiled by `torch.compile`; ``auto`` does so on CUDA devices
            for runs of 2000 updates or more. On CPUs convolutions gain next to nothing by it.

    Raises:
        UserError: Compiling is demanded, and no compiler is there; or it is no such word.
    """
    module.to(memory_format=torch.channels_last)
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


def fused(factory: OptimizerFactory) -> OptimizerFactory:
    """The same optimizer, stepping in one kernel if its kind can, and nothing else is asked for."""
    made_by = factory.func if isinstance(factory, partial) else factory
    asked = factory.keywords if isinstance(factory, partial) else {}
    if "fused" not in signature(made_by).parameters or {"fused", "foreach"} & asked.keys():
        return factory
    return partial(factory, fused=True)  # type: ignore[call-arg]
