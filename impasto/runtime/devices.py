"""Choice of the device that work is done on."""

import torch

from impasto.errors import UserError


def pick_device(accelerator: str) -> str:
    """Return the torch device that an accelerator of Lightning's names.

    Args:
        accelerator: Such as `gpu` or `cpu`; `auto` is CUDA, then MPS, then the CPU.

    Raises:
        UserError: There is no such device, or this machine has none.
    """
    return str(_present({"gpu": "cuda"}.get(accelerator, accelerator), accelerator, "accelerator"))


def find_device(device: torch.device | str) -> torch.device:
    """Return a torch device that this machine has.

    Args:
        device: Such as `cpu` or `cuda:1`; `auto` is CUDA, then MPS, then the CPU.

    Raises:
        UserError: There is no such device, or this machine has none.
    """
    return _present(device, device, "device")


def _present(device: torch.device | str, asked: object, argument: str) -> torch.device:
    """Return a device if it can be used; `auto` is the first of all."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, ImportError, TypeError) as error:
        what = f"`{argument}` is {str(asked)!r}, which this machine does not have"
        raise UserError(what, f"choose `{argument}=auto` or `{argument}=cpu`") from error
