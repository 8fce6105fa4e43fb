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
    names = {"gpu": "cuda", "auto": ""}
    name = names.get(accelerator, accelerator)
    if name:
        try:
            torch.empty(0, device=name)
        except (RuntimeError, AssertionError, ImportError) as error:
            what = f"`accelerator` is {accelerator!r}, which this machine does not have"
            raise UserError(what, "choose `accelerator=auto` or `accelerator=cpu`") from error
        return name
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
