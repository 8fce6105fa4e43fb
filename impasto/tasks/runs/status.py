"""A table of all runs of a sweep, or of any folder of runs, live: ``task=status``."""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from impasto.bounds import Positive, validated
from impasto.errors import UserError
from impasto.tasks.runs.comparison.runs import find_runs
from impasto.tasks.runs.run_folder import read_jobs
from impasto.tasks.runs.run_state import (
    KILLED,
    NOT_BEGUN,
    RUNNING,
    WAITING,
    RunState,
    is_held,
    read_state,
)

_COLUMNS = ("run", "settings", "status", "updates", "of", "val", "seconds", "left")
_WIDEST = 60
_CUT_OFF = {NOT_BEGUN, KILLED, "interrupted"}
_CLEAR = "\033[H\033[J"  # a terminal's: to the upper left corner, and empty from there on


@validated
def status(sweep: str, folder: Path, watch: Positive | None = None) -> dict[str, object]:
    """Print what the runs of a folder are doing, and leave ``status.csv``.

    Args:
        sweep: A sweep's folder, a folder of runs, or a run folder.
        folder: The run folder of this task.
        watch: Seconds between two tables, until no run is running or waiting; None prints one.

    Returns:
        How many runs there are, for the summary.

    Raises:
        UserError: There is no run.
    """
    states = read_states(Path(sweep))
    while watch is not None and _goes_on(Path(sweep), states):
        start = _CLEAR if sys.stdout.isatty() else ""
        print(f"{start}{_text(Path(sweep), states)}", flush=True)
        time.sleep(watch)
        states = read_states(Path(sweep))
    print(f"{_CLEAR if watch and sys.stdout.isatty() else ''}{_text(Path(sweep), states)}")
    table = pd.DataFrame(_cells(Path(sweep), states), columns=_COLUMNS)
    table.to_csv(folder / "status.csv", index=False, lineterminator="\r\n")
    return {"runs": len(states)}


def read_states(sweep: Path) -> list[RunState]:
    """Read the runs below a folder, and the jobs of a sweep that have not begun.

    Raises:
        UserError: There is none.
    """
    jobs = read_jobs(sweep)
    try:
        folders = find_runs(str(sweep))
    except UserError:
        if not jobs:
            what = f"sweep: {sweep} {'holds no run' if sweep.exists() else 'does not exist'}"
            raise UserError(what, "give the folder of a sweep, or one of runs") from None
        folders = []
    begun = {folder.resolve() for folder in folders}
    waiting = [name for name in jobs if (sweep / name).resolve() not in begun]
    states = [read_state(folder) for folder in folders]
    states += [RunState(sweep / name, WAITING, tuple(jobs[name])) for name in waiting]
    place = {(sweep / name).resolve(): i for i, name in enumerate(jobs)}
    if jobs and not is_held(sweep):
        states = [
            replace(state, status=NOT_BEGUN) if state.status == WAITING else state
            for state in states
        ]
    return sorted(states, key=lambda state: place.get(state.folder.resolve(), -1))


def _goes_on(sweep: Path, states: Sequence[RunState]) -> bool:
    """Return True if a run is at work, or one that waits will be."""
    statuses = {state.status for state in states}
    return RUNNING in statuses or (WAITING in statuses and is_held(sweep))


def _text(sweep: Path, states: Sequence[RunState]) -> str:
    rows = [_COLUMNS, *_cells(sweep, states)]
    widths = [min(_WIDEST, max(map(len, column))) for column in zip(*rows, strict=True)]
    numbers = range(_COLUMNS.index("updates"), len(_COLUMNS))
    lines = [
        "  ".join(
            cell.rjust(width) if i in numbers else _cut(cell, width).ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    counts = Counter(state.status for state in states)
    listed = ", ".join(f"{count} {name}" for name, count in counts.items())
    lines.append(f"{len(states)} runs: {listed}")
    if _CUT_OFF & counts.keys() and read_jobs(sweep) and not is_held(sweep):
        lines.append(
            f"the sweep was interrupted: its command with hydra.sweep.dir={sweep} goes on with it"
        )
    return "\n".join(lines)


def _cells(sweep: Path, states: Sequence[RunState]) -> Iterator[tuple[str, ...]]:
    common = set.intersection(*(set(state.overrides) for state in states))
    for state in states:
        own = [one for one in state.overrides if one not in common or len(states) == 1]
        yield (
            _name(state.folder, sweep),
            " ".join(one for one in own if not one.startswith(("resume=", "run."))),
            state.status,
            _shown(state.updates),
            _shown(state.total),
            "" if state.l2 is None else f"{state.l2:.5f}",
            "" if state.seconds is None else f"{state.seconds:.0f}",
            "" if state.left is None else _duration(state.left),
        )


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _name(folder: Path, sweep: Path) -> str:
    name = str(folder.relative_to(sweep)) if folder.is_relative_to(sweep) else str(folder)
    return sweep.resolve().name if name == "." else name


def _shown(value: int | None) -> str:
    return "" if value is None else str(value)


def _duration(seconds: float) -> str:
    """A duration as hours, minutes and seconds.

    >>> _duration(3723.4)
    '1:02:03'
    """
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
