"""Search for what `resume=` names."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from impasto.errors import UserError
from impasto.launch.arguments import quote
from impasto.launch.changes import changes, listed, refuse_changes
from impasto.persistence.checkpoints import Good, has_checkpoint, newest_good, whole, written
from impasto.persistence.locks import lock
from impasto.persistence.manifest import Manifest, versions
from impasto.runtime.ranks import assigned_rank, is_rank_zero
from impasto.tasks.runs.run_folder import read_summary
from impasto.tasks.runs.run_state import LOCK, is_complete, is_held

CHECKPOINTS = "checkpoints"
_FIXED = ("callbacks",)  # what may change in a run that is named, and not in one that is looked for
# Seconds to wait for a lock: a table of runs holds it for a moment, to see whether one runs.
_MOMENT = 0.15


@dataclass(frozen=True)
class Resumption:
    """A run that goes on.

    Attributes:
        folder: The run folder that it goes on in.
        checkpoint: The checkpoint that it goes on from.
        complete: Whether it has made all the updates that are asked for.
        remark: A line on a checkpoint that is broken, and was passed over; None if there is none.
        versions: A line on other versions that saved the checkpoint; None if there is none.
    """

    folder: Path
    checkpoint: Path
    complete: bool
    remark: str | None = None
    versions: str | None = None


def find_run(cfg: DictConfig) -> bool:
    """Find once what `resume` names, and put its checkpoint, and its folder, into the config.

    A folder that is named after the time is always a new one.

    Args:
        cfg: The composed config of a single run, with its `hydra` section.

    Returns:
        False if the run that it names is finished, so that there is nothing to do.

    Raises:
        UserError: There is none, it is broken, or another process is at it.
    """
    if cfg.resume not in (None, "auto"):
        go_on_as_named(cfg)
    place = assigned_rank()
    if is_rank_zero():
        _name_anew(cfg)
        refuse_if_locked(run_folder(cfg))
    folder = run_folder(cfg)
    if cfg.resume != "auto":
        return True
    # A run beside is held as soon as the first of several processes goes on with it.
    beside = (place is None or place.world == 1) and not _names_folder(cfg)
    found = find_resumable(folder, cfg, beside)
    if found is None:
        print(f"no run {'with this config' if beside else f'in {folder}'} to go on with: a new one")
        if beside and (remark := unlike(folder, cfg)) is not None:
            print(remark)
        return True
    if nothing_left(found):
        return False
    overrides = [word for word in cfg.hydra.overrides.task if not word.startswith("resume=")]
    with read_write(cfg.hydra), open_dict(cfg.hydra):
        cfg.hydra.run.dir = str(found.folder)
        cfg.hydra.overrides.task = [*overrides, f"resume={quote(str(found.checkpoint))}"]
    go_on(cfg, found)
    return True


def go_on(cfg: DictConfig, found: Resumption) -> None:
    """Let a run go on from what was found."""
    cfg.resume = str(found.checkpoint)
    _put_checkpoint(cfg, found.checkpoint, found.versions)


def go_on_as_named(cfg: DictConfig) -> None:
    """Let a run go on from the checkpoint or the run folder that `resume` names.

    Raises:
        UserError: See `find_checkpoint`.
    """
    good = find_checkpoint(str(cfg.resume), cfg)
    _put_checkpoint(cfg, good.path, good.remark, other_versions(good.manifest))


def _put_checkpoint(cfg: DictConfig, path: Path, *remarks: str | None) -> None:
    for line in remarks:
        if line is not None:
            print(line, file=sys.stderr)
    cfg.run.checkpoint = str(path)


def run_folder(cfg: DictConfig, section: str = "run") -> Path:
    """Return the folder of a run or a sweep that Hydra has not made yet, as it was given."""
    before: Any = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(cfg)  # the folder's name is made from it
    try:
        return Path(str(cfg.hydra[section].dir))
    finally:
        HydraConfig.instance().cfg = before


def _name_anew(cfg: DictConfig) -> None:
    """Give a folder that is named after the time a free name: two runs may begin at once."""
    if "${now:" not in str(OmegaConf.to_container(cfg.hydra.run, resolve=False)):
        return
    folder = run_folder(cfg)
    names = (folder if n == 1 else folder.with_name(f"{folder.name}-{n}") for n in count(1))
    with read_write(cfg.hydra.run), open_dict(cfg.hydra.run):
        cfg.hydra.run.dir = str(next(name for name in names if not os.path.lexists(name)))


def nothing_left(run: Resumption) -> bool:
    """Say where a run goes on; return True if it is finished."""
    if run.remark is not None:
        print(run.remark, file=sys.stderr)
    if run.complete:
        print(f"{run.folder} is finished; nothing to do (updates=NUMBER would go on with it)")
    else:
        print(f"going on in {run.folder}")
    return run.complete


def find_checkpoint(resume: str, cfg: DictConfig) -> Good:
    """The checkpoint that a checkpoint file or a run folder stands for, whole.

    Args:
        resume: A checkpoint, which has to be whole, or a run folder, whose last whole one is taken.
        cfg: This run's composed config.

    Raises:
        UserError: There is none, it is broken, or it was saved with other settings.
    """
    path = Path(resume)
    if not path.exists():
        todo = "give a checkpoint file, a run folder, or resume=auto"
        raise UserError(f"resume: {resume} does not exist", todo)
    if path.is_dir():
        if not has_checkpoint(path / CHECKPOINTS):
            todo = "give a checkpoint file or the folder of a run that saved one"
            raise UserError(f"resume: no {CHECKPOINTS}/last.ckpt in {resume}", todo)
        checkpoint = newest_good(path / CHECKPOINTS)
    else:
        checkpoint = whole(path)
    refuse_changes(checkpoint.path, checkpoint.manifest, cfg)
    return checkpoint


def _names_folder(cfg: DictConfig) -> bool:
    """Return True if the command line says which folder the run has."""
    words = cfg.hydra.overrides.hydra
    return any(str(word).startswith("hydra.run.dir=") for word in words)


def find_resumable(own: Path, cfg: DictConfig, beside: bool = True) -> Resumption | None:
    """Find what `resume=auto` goes on with: the run's own folder, else a run beside it.

    Beside it, a run counts if its settings are equal up to what may change, callbacks included, it
    saved a checkpoint that is whole, it did not diverge (it would again), and no process is at it
    now. One with updates left comes before one that has none; then the newest, which is the last by
    name, as folders are named after the time.

    Args:
        own: The folder that the run would have; it need not exist.
        cfg: The composed config; `updates` is the number asked for.
        beside: Whether runs beside it count; not for a job of a sweep, nor where the folder was
            given.

    Raises:
        UserError: The own folder's checkpoints are all broken, or of other settings.
    """
    if has_checkpoint(own / CHECKPOINTS):
        checkpoint = newest_good(own / CHECKPOINTS)
        refuse_changes(checkpoint.path, checkpoint.manifest, cfg)
        return _resumption(own, checkpoint, cfg)
    if not beside or not own.parent.is_dir():
        return None
    candidates = [
        (not is_complete(folder, cfg.updates), folder)
        for folder in own.parent.iterdir()
        if (saved := _saved_config(folder)) is not None and not changes(saved, cfg, _FIXED)
    ]
    for _, folder in sorted(candidates, reverse=True):
        try:
            return _resumption(folder, newest_good(folder / CHECKPOINTS), cfg)
        except UserError:  # both are broken: the next one
            continue
    return None


def unlike(own: Path, cfg: DictConfig) -> str | None:
    """Return a line on how the newest unfinished run beside it differs; None if there is none."""
    for folder in sorted(own.parent.iterdir(), reverse=True) if own.parent.is_dir() else ():
        saved = None if is_complete(folder, cfg.updates) else _saved_config(folder)
        if saved is not None and (differences := changes(saved, cfg, _FIXED)):
            return f"{folder} is unfinished, and has other settings: {listed(differences)}"
    return None


def other_versions(manifest: Manifest) -> str | None:
    """A line on versions that differ from those that saved a checkpoint; None if none does."""
    now = versions()
    differences = [
        f"{name} {version}, this is {now[name]}"
        for name, version in (manifest.versions or {}).items()
        if name in now and now[name] != version
    ]
    if not differences:
        return None
    return f"note: saved by {'; '.join(differences)}: going on may not be bit for bit the same"


def _resumption(folder: Path, checkpoint: Good, cfg: DictConfig) -> Resumption:
    return Resumption(
        folder,
        checkpoint.path,
        is_complete(folder, cfg.updates),
        checkpoint.remark,
        other_versions(checkpoint.manifest),
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder, so that no other process goes on in it; the system frees it at any end.

    Raises:
        UserError: If another process holds it.
    """
    path = folder / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    with lock(path, _MOMENT) as held:
        if not held:
            todo = "wait for it, or choose another hydra.run.dir"
            raise UserError(f"another process is running in {folder}", todo)
        yield


def refuse_if_locked(folder: Path) -> None:
    """Refuse a folder in which another process is running, before anything is written to it.

    Raises:
        UserError: One is.
    """
    if (folder / LOCK).is_file():
        with locked(folder):
            pass


def _saved_config(folder: Path) -> Mapping[str, Any] | None:
    """Read the config of a run's last checkpoint, if it did not diverge and nobody is at it."""
    manifest = written(folder / CHECKPOINTS)
    if manifest is None or read_summary(folder).get("status") == "diverged" or is_held(folder):
        return None
    return manifest.config
