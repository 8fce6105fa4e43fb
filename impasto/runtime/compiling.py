"""Compilation of networks that learn no more, and the check for a compiler."""

import importlib.util
import os
import shutil

import torch
from torch import Tensor, nn

from impasto.errors import UserError

_COMPILERS = ("c++", "g++", "clang++", "gcc", "cc")


def missing_compiler(device: torch.device | str) -> str | None:
    """Return what `torch.compile` would lack on a device; None if all is there."""
    if torch.device(device).type == "cuda" and importlib.util.find_spec("triton") is None:
        return "triton"
    named = filter(None, (os.environ.get("CXX"), os.environ.get("CC")))
    if not any(shutil.which(name) for name in (*named, *_COMPILERS)):
        return "a C++ compiler"
    return None


def check_compiling(compiled: bool | str, device: torch.device | str) -> bool | str:
    """Check a choice of `compile`: true, false or auto.

    Raises:
        UserError: It is no such word; or compiling is demanded, and no compiler is there.
    """
    if compiled not in (True, False, "auto"):
        raise UserError(f"`compiled` is {compiled!r}", "give true, false or auto")
    if compiled is True and (missing := missing_compiler(device)):
        raise UserError(f"`compiled=true` needs {missing}", "install it, or leave `compiled=auto`")
    return compiled


class Frozen(nn.Module):
    """Frozen network, compiled at its first use with its weights as constants.

    So the weights are reordered once, as the compiled code reads them. Inductor asks for `freezing`
    while a call is traced, when options of `torch.compile` are not in force yet: it is set around
    each call.

    Args:
        network: The network; changes of its weights after the first call need not be seen.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._compiled = torch.compile(network)

    def forward(self, x: Tensor) -> Tensor:
        """Run the compiled network on its input."""
        from torch._inductor import config  # imported by compiling: two seconds

        with torch.no_grad(), config.patch(freezing=True):
            out: Tensor = self._compiled(x)
        return out
