"""Whether networks can be compiled."""

import importlib.util
import os
import shutil

import torch

from painting.errors import UserError

_COMPILERS = ("c++", "g++", "clang++", "gcc", "cc")


def missing_compiler(device: torch.device | str) -> str | None:
    """What `torch.compile` would lack on a device; None if all is there."""
    if torch.device(device).type == "cuda" and importlib.util.find_spec("triton") is None:
        return "triton"
    named = filter(None, (os.environ.get("CXX"), os.environ.get("CC")))
    if not any(shutil.which(name) for name in (*named, *_COMPILERS)):
        return "a C++ compiler"
    return None


def check_compiling(compiled: bool | str, device: torch.device | str) -> bool | str:
    """A choice of `compile`: true, false or auto.

    Raises:
        UserError: It is no such word; or compiling is demanded, and no compiler is there.
    """
    if compiled not in (True, False, "auto"):
        raise UserError(f"compile is {compiled!r}", "give true, false or auto")
    if compiled is True and (missing := missing_compiler(device)):
        raise UserError(f"compile=true needs {missing}", "install it, or leave compile=auto")
    return compiled
