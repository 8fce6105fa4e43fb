"""Numbers of the host as tensors on a device, copied there once."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

_KEPT = 1024  # of the most recent ones: palettes differ from picture to picture


def constant(numbers: Sequence[Any], like: Tensor) -> Tensor:
    """Return numbers, which may be nested, as a tensor of `like`'s dtype and device.

    It is the same tensor every time, so nobody may change it: a copy from the host waits for all
    that is queued on a GPU.
    """
    return _constant(_hashable(numbers), like.dtype, like.device)


@lru_cache(_KEPT)
def _constant(numbers: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # whoever asks first; others may differentiate with it
        return torch.tensor(numbers, dtype=dtype, device=device)


def _hashable(numbers: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(_hashable(one) if isinstance(one, (list, tuple)) else one for one in numbers)
