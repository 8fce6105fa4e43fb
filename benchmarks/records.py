"""``benchmarks/history.csv``: one row per change and machine, one column per figure."""

import csv
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.history import read_rows
from impasto.persistence.atomic import atomic_write

ORIGIN = ("date", "commit", "machine", "versions")
_UNMEASURED = (":!benchmarks/*.csv", ":!docs", ":!*.md")
"""Files that change no figure: what a benchmark writes leaves a commit as good as it was."""


def change(folder: Path) -> str | None:
    """The commit that is checked out.

    Returns:
        None where files that matter are changed (nobody could measure that again), or where there
        is no checkout.
    """
    try:
        if _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".", *_UNMEASURED):
            return None
        return _git(folder, "rev-parse", "HEAD") or None
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


class Records:
    """CSV file of earlier figures, a row per change and machine.

    Args:
        path: Where it is, or will be.
        machine: The hardware: figures of others are no yardstick.
    """

    def __init__(self, path: Path, machine: str) -> None:
        self.path, self.machine = path, machine
        self._rows = read_rows(path)

    def last(self, key: str, commit: str | None = None) -> float | None:
        """A figure as it was last recorded on this machine, for another change than this one."""
        for row in reversed(self._rows):
            other = row["machine"] == self.machine and (commit is None or row["commit"] != commit)
            if other and row.get(key):
                return float(row[key])
        return None

    def keep(self, results: Mapping[str, float], commit: str, versions: str) -> None:
        """Write the figures into the row of this change and machine.

        The row goes to the end. Figures of an earlier run at the same commit that were not measured
        this time stay in it.

        Args:
            results: Values by key.
            commit: The change.
            versions: Of Python and torch.
        """
        same = [row for row in self._rows if self._is_of(row, commit)]
        date = datetime.now(UTC).isoformat(timespec="seconds")
        row = same[-1] if same else {}
        row |= dict(zip(ORIGIN, (date, commit, self.machine, versions), strict=True))
        row |= {key: f"{value:.6g}" for key, value in results.items()}
        self._rows = [other for other in self._rows if not self._is_of(other, commit)] + [row]
        names = [name for row in self._rows for name in row if name not in ORIGIN]
        with (
            atomic_write(self.path) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.DictWriter(file, [*ORIGIN, *dict.fromkeys(names)], lineterminator="\n")
            writer.writeheader()
            writer.writerows(self._rows)

    def _is_of(self, row: Mapping[str, str], commit: str) -> bool:
        return (row["commit"], row["machine"]) == (commit, self.machine)
