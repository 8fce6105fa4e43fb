"""Writing checkpoints whole or not at all, and reading them safely."""

import os
import pickle
import struct
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from painting.errors import UserError
from painting.images import atomic_write

# What torch raises on files that are something else, or cut off (found by trying many).
_UNREADABLE = (
    OSError, RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError,
    pickle.UnpicklingError, struct.error,
)  # fmt: skip


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes to a temporary name, flushes and renames; reads with ``weights_only``."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str],
        storage_options: Any | None = None,
    ) -> None:  # fmt: skip
        """Write a checkpoint; streamed, so that a large replay is not doubled in memory."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as temporary, open(temporary, "wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())

    def load_checkpoint(
        self, path: str | os.PathLike[str], map_location: Any = "cpu",
        weights_only: bool | None = True,
    ) -> dict[str, Any]:  # fmt: skip
        """Read a checkpoint.

        Raises:
            UserError: It is missing, cut off, or no checkpoint.
        """
        try:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        except FileNotFoundError as error:
            raise UserError(
                f"{path} does not exist", "give a checkpoint or a run folder"
            ) from error
        except _UNREADABLE as error:
            raise UserError(
                f"{path} is cut off or is no checkpoint", "resume from another one"
            ) from error
        if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
            raise UserError(f"{path} is no checkpoint", "resume from another one")
        return checkpoint
