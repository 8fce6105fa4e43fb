"""Writing checkpoints whole or not at all, and reading them safely."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor

from impasto.errors import UserError
from impasto.io.files import open_file
from impasto.persistence.atomic import durable_write
from impasto.persistence.checkpoints import beside
from impasto.persistence.manifest import Broken, Manifest, seal, verify, versions
from impasto.persistence.tensors import UNREADABLE, load

VERSION = 2  # of what a checkpoint holds; in 1 a batch was a rollout with several updates


@dataclass(frozen=True)
class SaveOptions:
    """Metadata of a checkpoint's file, which Lightning passes on unseen.

    Attributes:
        config: The run's composed config; None if it has none.
        replay: Names and sums of the replay files beside it; None if there are none.
        previous: What the file that has the checkpoint's name is called from then on; None if it
            is overwritten.
    """

    config: dict[str, Any] | None = None
    replay: list[dict[str, str]] | None = None
    previous: Path | None = None


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes to a temporary name, flushes and renames; reads with ``weights_only``.

    Files have a manifest with a checksum (`impasto.persistence.manifest`).
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | os.PathLike[str],
        storage_options: SaveOptions | None = None,
    ) -> None:
        """Write a checkpoint.

        Raises:
            UserError: The folder can't be written, or the disk is full; older ones are untouched.
        """
        options = storage_options or SaveOptions()
        update = checkpoint.get("impasto", {}).get("update_count", 0)
        manifest = Manifest(update, options.config, versions(), options.replay)
        with durable_write(Path(path), options.previous) as draft:
            with _system_errors():
                torch.save(checkpoint, draft.file)
            seal(draft.file, manifest, Path(path))

    def load_checkpoint(
        self,
        path: str | os.PathLike[str],
        map_location: Any = "cpu",
        weights_only: bool | None = True,
    ) -> dict[str, Any]:
        """Read a checkpoint; where its replays lie is added to what the project has in it.

        Raises:
            UserError: It is missing, damaged, or no checkpoint; a good one beside it is named.
        """
        path = Path(path)
        try:
            manifest = verify(path)
            with open_file(path) as file:
                checkpoint = load(file)
        except Broken as error:
            raise UserError(f"{path} {error}", beside(path)) from error
        except UNREADABLE as error:
            raise UserError(f"{path} is cut off or is no checkpoint", beside(path)) from error
        if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
            raise UserError(f"{path} is no checkpoint", beside(path))
        if "impasto" in checkpoint:
            files = [path.parent / entry["file"] for entry in manifest.replay or ()]
            checkpoint["impasto"]["replay_files"] = files
        return checkpoint


def check_fits(
    checkpoint: Mapping[str, Any], geometry: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> dict[str, Any]:
    """Check that a module can go on from a checkpoint.

    Args:
        checkpoint: As it was read.
        geometry: What the module and the one that was saved must agree on.
        tensors: The module's, by name.

    Returns:
        What the project has in it.

    Raises:
        UserError: It was saved by another kind of run, or for other strokes, canvases or networks.
    """
    if "impasto" not in checkpoint:
        raise UserError("the checkpoint was not written by this project", "resume another one")
    restored: dict[str, Any] = checkpoint["impasto"]
    if restored.get("version") != VERSION:
        raise UserError(
            "the checkpoint is of an earlier version, in which a batch was a rollout",
            "start a new run; an agent that was exported can be learned on from",
        )
    saved = restored["geometry"]
    for key in sorted(saved.keys() | geometry.keys()):
        if saved.get(key) != geometry.get(key):
            raise UserError(
                f"the checkpoint has {key} {saved.get(key)}, this run has {geometry.get(key)}",
                f"resume with {key} {saved.get(key)}, or start a new run",
            )
    there = checkpoint["state_dict"]
    for name in sorted(there.keys() | tensors.keys()):
        shapes = [tuple(d[name].shape) if name in d else "none" for d in (there, tensors)]
        if shapes[0] != shapes[1]:
            raise UserError(
                f"the checkpoint has {name} of shape {shapes[0]}, this run has {shapes[1]}",
                "give the networks that it was saved with, or start a new run",
            )
    return restored


@contextmanager
def _system_errors() -> Iterator[None]:
    """Raise what the system said, where torch's writer says something else after it."""
    try:
        yield
    except RuntimeError as error:
        cause = error.__context__
        if isinstance(cause, OSError):
            raise cause from error
        raise
