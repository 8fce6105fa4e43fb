"""Reading of tensor files that others made, without running any code from them."""

import os
import pickle
import struct
import warnings
import zipfile
from io import BufferedReader
from pathlib import Path
from typing import Any

import torch

from impasto.io.files import WEIGHTS, Unsuitable, open_file

# What torch raises on files that are damaged or none of its own (found by trying many).
UNREADABLE = (
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
    struct.error,
    zipfile.BadZipFile,
)
_ZIP = b"PK\x03\x04"


class Unreadable(Exception):
    """A file is missing, damaged, or holds anything that is no data; its text says why."""


def read_tensors(path: Path) -> Any:
    """Read a file of `torch.save` to the CPU, if it holds tensors and plain containers only.

    Raises:
        Unreadable: It is not, or there is no such file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch talks of protocols of pickles that it refuses
            with open_file(path, WEIGHTS) as file:
                return load(file)
    except UNREADABLE as error:
        why = (
            error.strerror if isinstance(error, Unsuitable) else "it is damaged, or something else"
        )
        raise Unreadable(why) from error


def load(file: BufferedReader) -> Any:
    """Load what `torch.save` wrote to an open file, without running code from it.

    Raises:
        ValueError: What is in it is larger than the file: it is packed, which `torch.save` never
            does, and a file of a megabyte may then fill the memory.
        Exception: Whatever torch raises.
    """
    if file.read(len(_ZIP)) == _ZIP:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > file.seek(0, os.SEEK_END):
            raise ValueError(f"it holds {unpacked} bytes, more than the file has")
    file.seek(0)
    return torch.load(file, map_location="cpu", weights_only=True)
