"""What is dispatched to a device, watched for what a host would wait for on a GPU."""

import traceback
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_OURS = ("/impasto/", "/lightning_modules/")
# Reading a number; results whose size depends on numbers; a tensor made of the host's numbers.
_WAITED_FOR = {
    "_local_scalar_dense",
    "is_nonzero",
    "equal",
    "nonzero",
    "masked_select",
    "unique_dim",
    "_unique2",
    "bincount",
    "lift_fresh",
}


class Dispatched(TorchDispatchMode):
    """Watches what is dispatched while it is open.

    Attributes:
        waits: What a host would wait for on a GPU, each with the line of this project.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix("aten::")
        if name in _WAITED_FOR or _by_mask(name, args) or _of_sizes(name, args, kwargs):
            self.waits.append(f"{name} by {_line()}")
        out = func(*args, **kwargs)
        given = {one.device.type for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)}
        if isinstance(out, Tensor) and given and out.device.type not in given:
            self.waits.append(f"{name} from {given} to {out.device.type} by {_line()}")
        return out


def _by_mask(name: str, args: Any) -> bool:
    """Return True for an index that is a mask: how many there are, the host has to know."""
    if name not in ("index", "index_put", "index_put_", "_index_put_impl_"):
        return False
    return any(one is not None and one.dtype in (torch.bool, torch.uint8) for one in args[1])


def _of_sizes(name: str, args: Any, kwargs: Any) -> bool:
    return name == "repeat_interleave" and kwargs.get("output_size") is None


def _line() -> str:
    """The innermost line of this project."""
    frames = [
        one for one in traceback.extract_stack() if any(part in one.filename for part in _OURS)
    ]
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "others"
