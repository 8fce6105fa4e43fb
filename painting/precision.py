"""The arithmetic of networks: bfloat16 where it is as good, float32 where it is not.

The convolutions of actors and critics keep what matters in bfloat16's 8 bits, at two to three times
the speed. A place on the canvas needs more of them, and so does a difference of two scores: the
heads of networks, renderers, rewards and all losses compute in float32 always (`full_precision`).
"""

import torch
from torch import Tensor

from painting.errors import UserError

AUTO = "auto"
FULL = "32-true"
MIXED = "bf16-mixed"
_CPU_FEATURES = ("avx512_bf16", "amx_bf16")


def fastest_precision(device: torch.device | str) -> str:
    """The fastest arithmetic that trains as well: MIXED where the hardware has it, else FULL.

    Args:
        device: Where networks will run.
    """
    kind = torch.device(device).type
    if kind == "cuda":
        return MIXED if torch.cuda.is_bf16_supported(including_emulation=False) else FULL
    if kind == "cpu":
        features = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        return MIXED if any(features.get(name) for name in _CPU_FEATURES) else FULL
    return FULL


def check_precision(precision: str) -> str:
    """A precision in which painters know to paint.

    Raises:
        UserError: It is none.
    """
    if precision not in (AUTO, FULL, MIXED):
        todo = f"give {AUTO}, {FULL} or {MIXED}"
        raise UserError(f"precision is {precision!r}, in which no agent paints", todo)
    return precision


def full_precision(like: Tensor) -> torch.autocast:
    """A context in which nothing is rounded to fewer bits on this tensor's device."""
    return torch.autocast(like.device.type, enabled=False)
