"""What a run leaves that never began: nothing.

Hydra makes the run folder before a job can say that a value is wrong. Where a mistake is found
before the task has written anything, a new folder is removed again, and a folder that holds an
earlier run gets back what was written over.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from hydra_plugins.impasto.summary import SUMMARY
from tasks.run_state import is_held

_SECTION = ".hydra"
_LOG = "run.log"
# What Hydra and `jobs.execute` write by themselves.
_ALWAYS = frozenset({_SECTION, _LOG, SUMMARY})


@dataclass(frozen=True)
class _Before:
    """How it was where the run folder is.

    Attributes:
        folder: The run folder.
        missing: It and the folders around it that were not there, innermost first.
        there: What was in it, and in its section of Hydra's.
        others: What a task may have written there, with sizes and times.
        kept: What the files held that are written over.
    """

    folder: Path
    missing: list[Path]
    there: set[Path]
    others: dict[Path, tuple[int, int]]
    kept: dict[Path, bytes] = field(default_factory=dict)


_before: _Before | None = None


class Footprint(Callback):
    """Looks at the place of a single run before its folder is made."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remember what is there; the jobs of a sweep keep their folders."""
        global _before
        HydraConfig.instance().set_config(config)  # the folder's name is made from it
        try:
            folder = Path(config.hydra.run.dir).absolute()
        finally:
            HydraConfig.instance().cfg = None
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        files = [*(folder / _SECTION).glob("*.yaml"), folder / SUMMARY]
        kept = {path: path.read_bytes() for path in files if path.is_file()}
        _before = _Before(folder, missing, _entries(folder), _others(folder), kept)


def erase(folder: Path | None = None) -> bool:
    """Undo what was written for a run, if it was looked at and its task has written nothing.

    Args:
        folder: The run folder; None is whichever was looked at.

    Returns:
        Whether the run's log is gone, too.
    """
    global _before
    before, _before = _before, None
    if before is None or not before.folder.is_dir() or is_held(before.folder):
        return False  # held by another process that began at the same moment
    if _others(before.folder) != before.others:
        return False
    if folder is not None and before.folder != folder.absolute():
        return False
    for path, content in before.kept.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    new = _entries(before.folder) - before.there
    for path in sorted(new, reverse=True):  # files before the folder that holds them
        path.rmdir() if path.is_dir() else path.unlink()
    for folder in before.missing:
        if any(folder.iterdir()):  # another run began here meanwhile
            break
        folder.rmdir()
    return before.folder / _LOG in new


def _others(folder: Path) -> dict[Path, tuple[int, int]]:
    found = {}
    for top in folder.glob("*"):
        if top.name not in _ALWAYS:
            for path in (top, *top.rglob("*")):
                about = path.lstat()
                found[path] = (0, 0) if path.is_dir() else (about.st_size, about.st_mtime_ns)
    return found


def _entries(folder: Path) -> set[Path]:
    return {*folder.glob("*"), *(folder / _SECTION).glob("*")}
