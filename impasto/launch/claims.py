"""Ownership of a run folder: asked once, before anything is written there.

A run folder belongs to one run; what that run wrote stands in its list
(`impasto.tasks.runs.written_files`). Where a command turns out to be a mistake before its task has
written anything, what was made for it is taken away again, and nothing else.
"""

import os
from dataclasses import dataclass
from glob import has_magic, iglob
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from impasto.errors import UserError
from impasto.launch.arguments import AS_TYPED
from impasto.launch.resume import CHECKPOINTS, run_folder
from impasto.persistence.checkpoints import has_checkpoint
from impasto.tasks.runs.run_folder import LEARNING, SUMMARY, read_yaml, shown
from impasto.tasks.runs.run_state import is_complete, is_held, read_state
from impasto.tasks.runs.written_files import (
    GO_ON,
    SECTION,
    SWEEP,
    Files,
    Written,
    files_in,
    own_files,
    read_written,
    walk,
)

# What a run of `LEARNING` writes again when it goes on.
_REPLACED = ("agent", "renderer")
_SUFFIXES = (".png", ".csv", ".json")


@dataclass(frozen=True)
class _Claim:
    """Snapshot of a folder as it was before this command.

    Attributes:
        folder: The folder.
        missing: It and those around it that were not there, innermost first.
        files: What was there but `own`.
        own: What Hydra and the summary write over, with content and time.
    """

    folder: Path
    missing: tuple[Path, ...]
    files: Files
    own: dict[Path, tuple[bytes, int]]


_claim: _Claim | None = None


def claim_run(cfg: DictConfig) -> None:
    """Claim a single run's folder.

    Args:
        cfg: The composed config with its `hydra` section.

    Raises:
        UserError: The folder is not for this run; nothing was written.
    """
    task = str(cfg.hydra.runtime.choices.task)
    resume = None if cfg.resume is None else str(cfg.resume)
    _claim_folder(run_folder(cfg).absolute(), task, resume, cfg)


def claim_sweep(cfg: DictConfig) -> None:
    """Claim a sweep's folder; those of its jobs follow when it is known which they are.

    Raises:
        UserError: See `claim_run`.
    """
    _claim_folder(run_folder(cfg, "sweep").absolute(), SWEEP, None, cfg)


def _claim_folder(folder: Path, task: str, resume: str | None, config: DictConfig) -> None:
    global _claim
    check_folder(folder, task, resume)
    _check_inputs(folder, config)
    missing = tuple(one for one in (folder, *folder.parents) if not one.exists())
    own = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in own_files(folder)}
    _claim = _Claim(folder, missing, _others(folder), own)


def check_folder(folder: Path, task: str, resume: str | None = None, job: bool = False) -> None:
    """Refuse a folder that holds something which this run did not write.

    Args:
        folder: The run folder; it need not exist.
        task: The task, or `SWEEP`.
        resume: What `resume` leads to: a checkpoint, a run folder, `auto`; None starts anew.
        job: Whether it is a folder in a sweep's, whose jobs go on in their folders.

    Raises:
        UserError: The folder is not for this run.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise UserError(f"{shown(folder)} is not a folder", _todo(task))
    written, first = _written_or_old(folder, task, resume, job), _first(folder)
    if first is None:
        return
    if written is None:
        what = f"{shown(folder)} holds {first}, which no run of this program wrote"
        raise UserError(what, _todo(task))
    learns = written.task in LEARNING or has_checkpoint(folder / CHECKPOINTS)
    if learns and not _goes_on(folder, written, task, resume, job):
        raise _holds_a_run(folder, written.task, task)
    if written.task != task:
        raise UserError(f"{shown(folder)} holds a run of task={written.task}", _todo(task))
    killed = written.is_open and (job or learns or task in GO_ON)  # its files are not all listed
    name = None if killed else _changed(folder, written, learns)
    if name is not None:
        what = f"{shown(folder / name)} was changed since, or is not of the run in its folder"
        raise UserError(what, f"move it away, or {_todo(task)}")


def _written_or_old(folder: Path, task: str, resume: str | None, job: bool) -> Written | None:
    """The folder's list; an open one for a run that an earlier version made, which had no lists."""
    written = read_written(folder)
    if written is None:
        past = (
            task if resume not in (None, "auto") and _lies_in(resume, folder) else _task_of(folder)
        )
        if past in LEARNING or (job and past == task):
            written = Written(str(past), True, {})
    return written


def _first(folder: Path) -> str | None:
    """Some file in the folder; None if there is none."""
    own = (str(path.relative_to(folder)) for path in own_files(folder))
    return next((name for name, _ in walk(folder, skip_runs=False)), next(own, None))


def _goes_on(folder: Path, written: Written, task: str, resume: str | None, job: bool) -> bool:
    """Return True if a run that learns may go on in its folder."""
    if task != written.task or (resume is None and not job):
        return False
    if resume in (None, "auto"):  # nothing to go on from was found: anew, if nothing can be lost
        return job or not (is_complete(folder, None) or has_checkpoint(folder / CHECKPOINTS))
    return _lies_in(str(resume), folder)


def _changed(folder: Path, written: Written, learns: bool) -> str | None:
    """A file of the user's that a further run might write over; None if there is none."""
    for name, about in walk(folder, skip_runs=written.task in GO_ON):
        listed = written.files.get(name)
        if not learns and written.task != SWEEP:
            if listed != about:
                return name
        elif name.startswith(CHECKPOINTS):  # damaged ones are passed over
            continue
        elif listed is None:
            if learns and _would_be_replaced(name):
                return name
        elif listed[0] != about[0]:  # not by the time, which copying a run changes
            return name
    return None


def _would_be_replaced(name: str) -> bool:
    first, *rest = Path(name).parts
    return first in _REPLACED if rest else Path(name).suffix in _SUFFIXES


def withdraw(folder: Path | None = None) -> bool:
    """Take away what a mistaken command made, if its task has written nothing.

    Args:
        folder: The run folder; None is whichever was claimed.

    Returns:
        Whether the folder is again as it was.
    """
    global _claim
    claim = _claim
    if claim is None or (folder is not None and claim.folder != folder.absolute()):
        return False
    _claim = None
    if not claim.folder.is_dir() or is_held(claim.folder) or _others(claim.folder) != claim.files:
        return False  # held by another process that began at the same moment
    for path in own_files(claim.folder):
        if path not in claim.own:
            path.unlink()
    for path, (content, time) in claim.own.items():
        if not path.is_file() or path.stat().st_mtime_ns != time or path.read_bytes() != content:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            os.utime(path, ns=(time, time))
    for empty in (claim.folder / SECTION, *claim.missing):
        if empty.is_dir() and not any(empty.iterdir()):
            empty.rmdir()
    return True


def _others(folder: Path) -> Files:
    """Files of the folder that the task itself may have written: all but the summary."""
    return {name: about for name, about in files_in(folder).items() if name != SUMMARY}


def _check_inputs(folder: Path, config: DictConfig) -> None:
    """Refuse a run folder in which something lies that the command reads."""
    where = folder.resolve()
    for key in sorted(AS_TYPED):
        if key.startswith("hydra.") or key in ("resume", "data.cache", "sweep"):
            continue
        value = OmegaConf.select(config, key, default=None)
        for name in [value] if isinstance(value, str) else _names(value):
            pattern = os.path.expanduser(name)
            paths = [pattern] if os.path.lexists(pattern) else []
            if not paths and has_magic(pattern):
                paths = [one for one in [next(iglob(pattern, recursive=True), None)] if one]
            for path in (Path(one).resolve() for one in paths):
                if where == path or where in path.parents:
                    what = f"{key}: {name} lies in the run folder {shown(folder)}"
                    raise UserError(what, "choose another hydra.run.dir")


def _names(value: object) -> list[str]:
    plain = OmegaConf.to_container(value) if OmegaConf.is_list(value) else []
    return [one for one in plain if isinstance(one, str)] if isinstance(plain, list) else []


def _task_of(folder: Path) -> str | None:
    """The task of a run that an earlier version made."""
    hydra = read_yaml(folder / SECTION / "hydra.yaml", {}).get("hydra", {})
    try:
        return str(hydra["runtime"]["choices"]["task"])
    except (KeyError, TypeError):
        return None


def _lies_in(resume: str, folder: Path) -> bool:
    path = Path(resume).resolve()
    return folder.resolve() in (path, *path.parents)


def _holds_a_run(folder: Path, past: str, task: str) -> UserError:
    updates = read_state(folder).updates
    run = f"a run of task={past}" if updates is None else f"a run of {updates} updates"
    on = "add resume=auto to go on with it, or " if task == past else ""
    return UserError(f"{shown(folder)} holds {run}", f"{on}{_todo(task)}")


def _todo(task: str) -> str:
    return f"choose another hydra.{SWEEP if task == SWEEP else 'run'}.dir"
