"""Finished and unfinished runs, as read from their folders."""

import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from impasto.errors import UserError
from impasto.io.files import read_rows
from impasto.tasks.runs.run_folder import CONFIG, command, load_summary, load_yaml, unreadable

NO_SUMMARY = "no summary (killed, or still running)"


@dataclass(frozen=True, eq=False)
class Run:
    """Settings of one run, and the results that it left.

    Attributes:
        folder: The run folder.
        task: Which task it was.
        status: As in the summary; `NO_SUMMARY` without one.
        config: The composed config, interpolations unresolved.
        choices: The choice of every group, None for those without.
        overrides: What the command line asked for, in Hydra's notation.
        summary: summary.json.
        validations: `update`, `seconds` of training and `val_l2`, in the order of updates, from
            metrics.csv.
        l2_by_stroke: Test L2 after 0, 1, 2, … strokes, from curve.csv.
        l2_by_picture: Test L2 of each picture, in the split's order, from pictures.csv; empty for
            runs of before there was one.
    """

    folder: Path
    task: str
    status: str
    config: Mapping[str, Any]
    choices: Mapping[str, str | None]
    overrides: tuple[str, ...]
    summary: Mapping[str, Any]
    validations: pd.DataFrame
    l2_by_stroke: pd.Series
    l2_by_picture: pd.Series

    @property
    def finished(self) -> bool:
        """Return True if it has come to its end."""
        return self.status == "finished"

    @property
    def seed(self) -> int:
        """Seed of its random numbers."""
        return int(self.config.get("seed", 0))

    @property
    def seconds(self) -> float | None:
        """Seconds of training, all parts of a resumed run together; without any, of the task."""
        if self.validations.empty:
            return self.metric("seconds")
        return float(self.validations["seconds"].iloc[-1])

    @property
    def command(self) -> str:
        """The command that makes it again, in one go, wherever it was gone on with."""
        return command([one for one in self.overrides if not one.startswith("resume=")])

    def metric(self, name: str) -> float | None:
        """A number of the summary; None where it has none."""
        value = self.summary.get(name)
        return float(value) if isinstance(value, int | float) else None


def find_runs(sources: str | Sequence[str]) -> list[Path]:
    """Find the run folders that run folders, folders of runs (a sweep's) or globs stand for.

    Args:
        sources: One or several; what exists under a name is meant literally.

    Returns:
        Each folder once: in the order given, a sweep's in the order of its jobs.

    Raises:
        UserError: One of them leads to no run.
    """
    folders_by_path: dict[Path, Path] = {}
    for source in [sources] if isinstance(sources, str) else sources:
        folders = [Path(source)]
        if not os.path.lexists(source):
            folders = sorted(map(Path, glob.glob(os.path.expanduser(source))), key=_by_number)
        runs = [run for folder in folders for run in _runs_below(folder)]
        if not runs:
            problem = f"holds no run (no {CONFIG})" if folders else "does not exist"
            todo = "give run folders, a sweep's folder, or a glob of them"
            raise UserError(f"runs: {source} {problem}", todo)
        for run in runs:
            folders_by_path.setdefault(run.resolve(), run)
    if not folders_by_path:
        raise UserError("runs: no folder is named", "give run folders or a sweep's folder")
    return list(folders_by_path.values())


def _runs_below(folder: Path) -> Iterator[Path]:
    """The folder itself if it is a run's, else those in it; no run lies in another."""
    if (folder / CONFIG).is_file():
        yield folder
    elif folder.is_dir():
        for child in sorted(folder.iterdir(), key=_by_number):
            is_run = (child / CONFIG).is_file()
            # A link may lead to a run; any other could lead back here.
            if not child.name.startswith(".") and (is_run or not child.is_symlink()):
                yield from _runs_below(child)


def _by_number(path: Path) -> list[tuple[int, str]]:
    """A key that puts job 10 after job 9."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def read_run(folder: Path) -> Run:
    """Read what a run left.

    Raises:
        UserError: A file of it can't be read.
    """
    hydra = load_yaml(folder / CONFIG.parent / "hydra.yaml", {}).get("hydra", {})
    choices = hydra.get("runtime", {}).get("choices", {})
    summary = load_summary(folder)
    return Run(
        folder=folder,
        task=str(summary.get("task", choices.get("task", "unknown"))),
        status=str(summary.get("status", NO_SUMMARY)),
        config=load_yaml(folder / CONFIG, {}),
        choices=choices,
        overrides=tuple(load_yaml(folder / CONFIG.parent / "overrides.yaml", [])),
        summary=summary,
        validations=read_table(folder / "metrics.csv", ("update", "seconds", "val_l2")),
        l2_by_stroke=read_table(folder / "curve.csv", ["l2_mean"])["l2_mean"],
        l2_by_picture=read_table(folder / "pictures.csv", ["l2"])["l2"],
    )


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read the rows of a CSV file in which all of the columns hold finite numbers.

    Args:
        path: The file; without one there are no rows.
        columns: Those that are read.

    Raises:
        UserError: It can't be read.
    """
    try:
        rows = read_rows(path) if path.exists() else []
        numbers = [[float(row.get(column) or "nan") for column in columns] for row in rows]
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    table = pd.DataFrame(numbers, columns=list(columns), dtype=float)
    return table[np.isfinite(table).all(axis=1)].reset_index(drop=True)
