"""A replay through a file, as a checkpoint has it."""

from functools import partial
from pathlib import Path

from impasto.rl.replay import ReplayBuffer
from impasto.rl.replay.files import load_tensors, save_tensors


def restore(replay: ReplayBuffer, other: ReplayBuffer, folder: Path) -> Path:
    """Save one replay and load it into another; the file."""
    file = folder / save_tensors(replay.tensors(), folder / "replay.safetensors")["file"]
    load_tensors(file, partial(other.claim, state=replay.state_dict()))
    return file
