"""Files of tensors that others made, read without running any code from them."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import torch

# What torch raises on files that are damaged or none of its own has no common base class.
_UNREADABLE = (
    OSError,
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    pickle.UnpicklingError,
)


class Unreadable(Exception):
    """A file is missing, damaged, or holds anything that is no data; its cause says which."""


def read_tensors(path: Path) -> Any:
    """What `torch.save` wrote, as long as it is tensors and plain containers, on the CPU.

    Raises:
        Unreadable: It is not, or there is no such file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch talks of protocols of pickles that it refuses
            return torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise Unreadable(str(path)) from error
