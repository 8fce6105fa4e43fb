"""State of a run, running or ended, read from the files of its folder alone.

Nothing here loads torch: a sweep skips what is finished, and a table shows hundreds of runs at
once.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impasto.io import files
from impasto.persistence.locks import is_locked
from impasto.tasks.runs.run_folder import CONFIG, followed, read_summary, read_yaml

LOCK = Path(".hydra") / "lock"
OVERRIDES = Path(".hydra") / "overrides.yaml"
METRICS = "metrics.csv"
WAITING, RUNNING, KILLED = "waiting", "running", "killed"
NOT_BEGUN = "not begun"  # in a sweep that nobody goes on with
COMPLETE = ("finished", "untrained")
# The same config would end like this again.
FINAL = ("stopped", "pruned", "diverged")
_MEASURED = ("val_l2", "val_mse")
_RATE_ROWS = 10


@dataclass(frozen=True)
class RunState:
    """A run at one moment.

    Attributes:
        folder: The run folder.
        status: `waiting`, `not begun`, `running` or `killed` (no process holds the folder, and no
            summary says how the run ended); else the summary's.
        overrides: What the command line asked for.
        updates: Updates made, as far as written; None for a task that makes none.
        total: Updates asked for.
        l2: The newest validation error; None before the first.
        seconds: Seconds of training, all parts of a resumed run together.
        left: Estimated seconds to the last update; None unless it is running.
    """

    folder: Path
    status: str
    overrides: tuple[str, ...] = ()
    updates: int | None = None
    total: int | None = None
    l2: float | None = None
    seconds: float | None = None
    left: float | None = None


def is_held(folder: Path) -> bool:
    """Return True if a process is at work in a run folder or a sweep's."""
    try:
        return (folder / LOCK).is_file() and is_locked(folder / LOCK)
    except OSError:  # another user's, say
        return False


def has_ended(folder: Path, updates: int | None) -> bool:
    """Return True if nothing is left to do for a run of this folder's config.

    Args:
        folder: The run folder.
        updates: How many updates are asked for.
    """
    return read_summary(folder).get("status") in FINAL or is_complete(folder, updates)


def is_complete(folder: Path, updates: int | None) -> bool:
    """Return True if a run came to its end, with as many updates as are asked for.

    Args:
        folder: The run folder.
        updates: How many are.
    """
    summary = read_summary(folder)
    made = summary.get("updates")
    enough = updates is None or not isinstance(made, int) or made >= updates
    return summary.get("status") in COMPLETE and enough


def read_state(folder: Path) -> RunState:
    """Read a run's state; files that are missing or can't be read leave their parts empty."""
    if not (folder / CONFIG).is_file():
        return RunState(folder, WAITING)
    held, summary = is_held(folder), read_summary(folder)
    started = (folder / LOCK).exists()
    fallback = KILLED if started else WAITING
    status = RUNNING if held else str(summary.get("status", fallback))
    config = read_yaml(folder / CONFIG, {})
    rows = _rows(folder / METRICS)
    last: Mapping[str, float] = rows[-1] if rows else {}
    total, made = _number(config, config.get("updates")), summary.get("updates", last.get("update"))
    updates = int(made) if isinstance(made, int | float) else None
    if updates is None and total is not None:
        updates = 0
    seconds = last.get("seconds", summary.get("seconds"))
    measured = [row[name] for row in rows for name in _MEASURED if name in row]
    return RunState(
        folder=folder,
        status=status,
        overrides=tuple(map(str, read_yaml(folder / OVERRIDES, []))),
        updates=updates,
        total=total,
        l2=measured[-1] if measured else None,
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        left=_left(folder, rows, total) if held else None,
    )


def _number(config: Mapping[str, Any], value: object) -> int | None:
    """A whole number of the config, through interpolations such as ``${task.updates}``."""
    value = followed(config, value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number else None  # type: ignore[call-overload]


def _rows(path: Path) -> list[dict[str, float]]:
    """The rows of metrics.csv, without what is no finite number."""
    try:
        return [_finite(row) for row in files.read_rows(path)]
    except (OSError, ValueError):
        return []


def _finite(row: Mapping[str, str | None]) -> dict[str, float]:
    numbers = {name: float(text) for name, text in row.items() if name and text}
    return {name: number for name, number in numbers.items() if math.isfinite(number)}


def _left(folder: Path, rows: Sequence[Mapping[str, float]], total: int | None) -> float | None:
    """Seconds to the last update, at the pace of the last rows, less the time since."""
    timed = [row for row in rows if "update" in row and "seconds" in row][-_RATE_ROWS:]
    if total is None or not timed:
        return None
    first, last = (timed[0] if len(timed) > 1 else {"update": 0.0, "seconds": 0.0}), timed[-1]
    made = last["update"] - first["update"]
    if made <= 0:
        return None
    pace = (last["seconds"] - first["seconds"]) / made
    since = time.time() - (folder / METRICS).stat().st_mtime
    return max(0.0, (total - last["update"]) * pace - max(0.0, since))
