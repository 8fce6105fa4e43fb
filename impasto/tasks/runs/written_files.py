"""List of the files that a folder's run wrote there: ``.hydra/written.json``.

A listed file that was changed since, or one that is not listed, is the user's. While a run is at
work its list is open; one that stays open belongs to a run that was killed.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from impasto.errors import UserError
from impasto.io.files import TABLE, read_json
from impasto.persistence.atomic import atomic_replace, is_leftover
from impasto.tasks.runs.run_folder import LEARNING, SUMMARY, shown

WRITTEN = Path(".hydra") / "written.json"
SWEEP = "sweep"  # what stands in the list of a sweep's folder in place of a task
GO_ON = (*LEARNING, "ablations", SWEEP)  # after a kill, too; others' runs may lie in these folders
SECTION, _LOG = ".hydra", "run.log"  # what Hydra writes
_OF_THE_SYSTEM = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})  # made by looking at a folder

Files = dict[str, tuple[int, int]]  # by relative name: size in bytes, time of change in ns


@dataclass(frozen=True)
class Written:
    """Content of a folder's list.

    Attributes:
        task: The task, or `SWEEP`.
        is_open: Whether the run is at work, or was killed.
        files: What it wrote, as far as listed.
    """

    task: str
    is_open: bool
    files: Files


def begin_list(folder: Path, task: str) -> Files:
    """Open a folder's list of what its run wrote.

    Args:
        folder: The folder, which was claimed.
        task: The task, or `SWEEP`.

    Returns:
        The user's files in it, for `end_list`.
    """
    before = read_written(folder)
    listed = {} if before is None else before.files
    _write(folder, Written(task, True, listed))
    if before is not None and before.is_open:  # a killed run's are not told from the user's
        return {}
    there = files_in(folder, task in GO_ON)
    return {name: about for name, about in there.items() if name not in listed}


def end_list(folder: Path, task: str, others: Files) -> None:
    """Close the list: everything that is there but what was the user's before, and is unchanged.

    Args:
        folder: The folder.
        task: The task, or `SWEEP`.
        others: From `begin_list`.
    """
    there = files_in(folder, task in GO_ON)
    files = {name: about for name, about in there.items() if others.get(name) != about}
    _write(folder, Written(task, False, files))


def read_written(folder: Path) -> Written | None:
    """A folder's list; None where there is none that this program wrote."""
    try:
        content = read_json(folder / WRITTEN, TABLE)
        files = {
            str(name): (int(size), int(time)) for name, (size, time) in content["files"].items()
        }
        return Written(str(content["task"]), bool(content["open"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(folder: Path, written: Written) -> None:
    content = {"task": written.task, "open": written.is_open, "files": written.files}
    (folder / WRITTEN).parent.mkdir(parents=True, exist_ok=True)
    with atomic_replace(folder / WRITTEN) as temporary:
        temporary.write_text(json.dumps(content, indent=0) + "\n", encoding="utf-8")


def remove_runs(folder: Path) -> None:
    """Remove a folder of runs of which every file is listed by the run that wrote it.

    Raises:
        UserError: There is another file, and nothing was removed.
    """
    inside = (Path(top, name) for top, *both in os.walk(folder) for names in both for name in names)
    for path in inside:
        if (path.is_symlink() or not path.is_dir()) and not _is_listed(path, folder):
            what = f"{shown(path)} was written by no run that ended, or was changed since"
            raise UserError(what, f"move it away, or remove {shown(folder)} yourself")
    if folder.is_dir():
        shutil.rmtree(folder)


def _is_listed(path: Path, top: Path) -> bool:
    """Return True if a file was written by the run in whose folder, below `top`, it lies."""
    inside = [one for one in path.parents if top in (one, *one.parents)]
    home = next((one for one in inside if (one / WRITTEN).is_file()), None)
    written = None if home is None else read_written(home)
    if home is None or written is None:
        return False
    about = (path.lstat().st_size, path.lstat().st_mtime_ns)
    by_hydra = home / SECTION in path.parents or path == home / _LOG
    return by_hydra or written.files.get(str(path.relative_to(home))) == about


def walk(folder: Path, skip_runs: bool) -> Iterator[tuple[str, tuple[int, int]]]:
    """Walk a folder's files, without Hydra's, the log, leftovers and the system's."""
    for top, folders, names in os.walk(folder):
        inside = Path(top)
        is_top = inside == folder
        links = [name for name in folders if (inside / name).is_symlink()]
        folders[:] = sorted(
            name
            for name in folders
            if name not in links
            and not is_leftover(name)
            and not (is_top and name == SECTION)
            and not (skip_runs and (inside / name / WRITTEN).is_file())
        )
        for name in sorted([*names, *links]):
            system = name in _OF_THE_SYSTEM or is_leftover(name)
            if not system and not (is_top and name == _LOG):
                about = (inside / name).lstat()
                relative = str((inside / name).relative_to(folder))
                yield relative, (about.st_size, about.st_mtime_ns)


def files_in(folder: Path, skip_runs: bool = False) -> Files:
    """Return what `walk` yields, as a mapping.

    Args:
        folder: The folder; it need not exist.
        skip_runs: Whether to leave out the folders of other runs in it.
    """
    return dict(walk(folder, skip_runs))


def own_files(folder: Path) -> Iterator[Path]:
    """Yield the files that every run writes: Hydra's section, the log, the summary."""
    section = folder / SECTION
    paths = [*sorted(section.rglob("*")), folder / _LOG, folder / SUMMARY]
    return (path for path in paths if path.is_file() or path.is_symlink())


if __name__ == "__main__":
    try:
        for one in sys.argv[1:]:
            remove_runs(Path(one).absolute())
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        sys.exit(2)
