"""Where `resume=` leads: a checkpoint, a run folder, or the newest run with this config."""

import fcntl
import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

from omegaconf import DictConfig, OmegaConf

from painting.errors import UserError
from tasks.run_folder import CONFIG, WHEREABOUTS, identity, read_summary

CHECKPOINT = Path("checkpoints") / "last.ckpt"
LOCK = Path(".hydra") / "lock"
_COMPLETE = ("finished", "untrained")
# What two runs may differ in and still be one run, gone on with: how long it is, and whereabouts.
_LEFT_OUT = (*WHEREABOUTS, "updates", "task.updates")


@dataclass(frozen=True)
class Resumption:
    """A run that goes on.

    Attributes:
        folder: The run folder that it goes on in.
        checkpoint: The checkpoint that it goes on from.
        complete: Whether it has made all the updates that are asked for.
    """

    folder: Path
    checkpoint: Path
    complete: bool


def find_checkpoint(resume: str) -> Path:
    """The checkpoint that a checkpoint file or a run folder stands for.

    Raises:
        UserError: If there is none.
    """
    path = Path(resume)
    if path.is_dir():
        if (path / CHECKPOINT).is_file():
            return path / CHECKPOINT
        todo = "give a checkpoint file or the folder of a run that saved one"
        raise UserError(f"resume: no {CHECKPOINT} in {resume}", todo)
    if not path.is_file():
        todo = "give a checkpoint file, a run folder, or resume=auto"
        raise UserError(f"resume: {resume} does not exist", todo)
    return path


def find_resumable(own: Path, cfg: DictConfig, alone: bool = True) -> Resumption | None:
    """What `resume=auto` finds: the run's own folder, else the newest run beside it to go on with.

    Beside it, a run counts if its config is equal up to `_LEFT_OUT`, it saved a checkpoint, it did
    not diverge (it would again), and no process is at it now. One with updates left comes before
    one that has none.

    Args:
        own: The folder that the run would have; it need not exist.
        cfg: The composed config; `updates` is the number asked for.
        alone: Whether the run may move to another folder; the jobs of a sweep may not.
    """
    updates = cfg.updates
    if (own / CHECKPOINT).is_file():
        return Resumption(own, own / CHECKPOINT, _is_complete(own, updates))
    if not alone or not own.parent.is_dir():
        return None
    wanted = _identity(cfg)
    found = [
        Resumption(folder, folder / CHECKPOINT, _is_complete(folder, updates))
        for folder in sorted(own.parent.iterdir(), key=_age)
        if _is_candidate(folder, wanted)
    ]
    return min(found, key=lambda run: run.complete, default=None)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder, so that no other process goes on in it; the system frees it at any end.

    Raises:
        UserError: If another process holds it.
    """
    path = folder / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            todo = "wait for it, or choose another hydra.run.dir"
            raise UserError(f"another process is running in {folder}", todo) from error
        with _not_inherited(file):
            yield


def refuse_if_locked(folder: Path) -> None:
    """Refuse a folder in which another process is running, before anything is written to it.

    Raises:
        UserError: One is.
    """
    if (folder / LOCK).is_file():
        with locked(folder):
            pass


_held: set[TextIO] = set()


@contextmanager
def _not_inherited(file: TextIO) -> Iterator[None]:
    """Close a file in every process that is forked meanwhile.

    A lock lasts as long as any process has the file open, and those that read data outlive a
    killed run by seconds, in which it could not be gone on with.
    """
    _watch_forks()
    _held.add(file)
    try:
        yield
    finally:
        _held.discard(file)


@functools.cache
def _watch_forks() -> None:
    def close() -> None:
        for file in _held:
            file.close()
        _held.clear()

    os.register_at_fork(after_in_child=close)


def _is_candidate(folder: Path, wanted: object) -> bool:
    config = folder / CONFIG
    if not config.is_file() or not (folder / CHECKPOINT).is_file():
        return False
    if read_summary(folder).get("status") == "diverged" or _is_locked(folder):
        return False
    try:
        saved = OmegaConf.load(config)
    except Exception:  # cut off or not YAML: whatever the parser makes of it, it is no candidate
        return False
    return isinstance(saved, DictConfig) and _identity(saved) == wanted


def _is_complete(folder: Path, updates: int | None) -> bool:
    summary = read_summary(folder)
    made = summary.get("updates")
    enough = updates is None or not isinstance(made, int) or made >= updates
    return summary.get("status") in _COMPLETE and enough


def _is_locked(folder: Path) -> bool:
    try:
        with locked(folder):
            return False
    except UserError:
        return True


def _age(folder: Path) -> float:
    """Minus the time of the last checkpoint, so that the newest run comes first."""
    checkpoint = folder / CHECKPOINT
    return -checkpoint.stat().st_mtime if checkpoint.is_file() else 0.0


def _identity(cfg: DictConfig) -> object:
    """The config without `_LEFT_OUT`, as plain containers, interpolations unresolved."""
    # Through text, so that a config from memory and one from a file compare equal.
    container = OmegaConf.to_container(OmegaConf.create(OmegaConf.to_yaml(cfg)))
    return identity(cast(dict[str, Any], container), _LEFT_OUT)
