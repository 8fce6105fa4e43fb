"""Runs of run.py that end when their time is up, and say meanwhile how far they are."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from impasto.errors import UserError
from impasto.persistence.checkpoints import LAST, has_checkpoint
from impasto.persistence.manifest import read_manifest
from impasto.tasks.runs.comparison.runs import read_table
from impasto.tasks.runs.run_state import is_complete

ROOT = Path(__file__).resolve().parents[2]
_LOOK = 0.5  # seconds between two looks at a run's figures
_TELL = 20.0  # seconds between two lines about it
_PATIENCE = 60.0  # seconds that a run gets after its time is up, before it is killed
TIME_IS_UP = 128 + signal.SIGTERM

Enough = Callable[[Path], bool]


def age() -> float:
    """Seconds since this process was started, its imports included; 0 where nothing tells."""
    stat = Path("/proc/self/stat")
    if not stat.exists():
        return 0.0
    ticks = int(stat.read_text().rpartition(")")[2].split()[19])  # proc_pid_stat(5): starttime
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


class Clock:
    """Time limit of a command.

    Args:
        minutes: How many there are.
        spent: Seconds of them that are over.
    """

    def __init__(self, minutes: float, spent: float = 0.0) -> None:
        self._end = time.monotonic() + 60 * minutes - spent

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self._end - time.monotonic()


@dataclass(frozen=True)
class Pace:
    """Speed of a run.

    Attributes:
        updates: Over how many.
        seconds: In what time; rollouts, validations and checkpoints are in it.
    """

    updates: float
    seconds: float

    @property
    def rate(self) -> float:
        """Updates per second."""
        return self.updates / self.seconds if self.seconds > 0 else 0.0

    def hours(self, updates: int, least: int) -> float | None:
        """Hours for so many updates; None if it is the pace of fewer than `least`."""
        return None if self.updates < least or not self.rate else updates / self.rate / 3600


def pace(folder: Path, since: float = 0.0, warm: float = 0.0) -> Pace:
    """The pace of a run's updates after one of them and so many to warm up.

    Args:
        folder: The run folder.
        since: The update at which the run's present process began.
        warm: Updates after that which are not counted, as long as others are left.
    """
    rows = [(row["update"], row["seconds"]) for row in _rows(folder) if row["update"] > since]
    rows = [row for row in rows if row[0] >= since + warm] or rows
    if len(rows) < 2:
        return Pace(0, 0)
    return Pace(rows[-1][0] - rows[0][0], rows[-1][1] - rows[0][1])


def _rows(folder: Path) -> list[dict[str, float]]:
    return read_table(folder / "metrics.csv", ("update", "seconds")).to_dict("records")


def renderer_error(folder: Path) -> tuple[float, float, float] | None:
    """Update, seconds and share of the mean image's error at a pretraining's last validation."""
    names = ("update", "seconds", "val_mse", "mean_image_mse")
    table = read_table(folder / "metrics.csv", names)
    if table.empty:
        return None
    update, seconds, error, mean = table.iloc[-1].tolist()
    return update, seconds, error / mean


def updates_made(folder: Path) -> int:
    """Updates of a run's last checkpoint."""
    checkpoints = folder / "checkpoints"
    return read_manifest(checkpoints / LAST).update if has_checkpoint(checkpoints) else 0


def finished(folder: Path, updates: int) -> bool:
    """Return True if a run has made all its updates, and left its files."""
    return is_complete(folder, updates)


def work(name: str, folder: Path, overrides: Sequence[str], seconds: float, enough: Enough) -> int:
    """Start a run or go on with it, until it ends, is good enough, or its time is up.

    Args:
        name: What to call it.
        folder: The run folder; what the run says goes to a file beside.
        overrides: What it is.
        seconds: Until SIGTERM, upon which it saves itself.
        enough: Says by the run folder whether it may be stopped before.

    Returns:
        The run's exit code; `TIME_IS_UP` if it was stopped here.

    Raises:
        UserError: The run failed.
    """
    began, told = updates_made(folder), time.monotonic()
    clock = Clock(seconds / 60)
    with started(folder, (*overrides, "resume=auto")) as process:
        print(f"{name}: from update {began:,}, for at most {seconds:.0f} s", flush=True)
        while process.poll() is None and clock.left > 0 and not enough(folder):
            time.sleep(_LOOK)
            if time.monotonic() - told > _TELL:
                told = time.monotonic()
                print(f"{name}: {_state(folder, began)}; {clock.left:.0f} s left", flush=True)
        code = stop(process)
    if code not in (0, TIME_IS_UP):
        raise UserError(f"{name} ended with {code}:\n{_end_of(log_of(folder))}", "mend that, again")
    print(f"{name}: {_state(folder, began)}", flush=True)
    return code


def perform(name: str, folder: Path, overrides: Sequence[str], seconds: float) -> None:
    """Make a short run from the beginning, in a new folder.

    Raises:
        UserError: It failed, or took longer than it may.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with started(folder, overrides) as process:
        try:
            code = process.wait(max(1.0, seconds))
        except subprocess.TimeoutExpired:
            code = None
    if code != 0:
        why = "took too long" if code is None else f"ended with {code}:\n{_end_of(log_of(folder))}"
        raise UserError(f"{name} {why}", "give more MINUTES, or mend that")


@contextmanager
def started(folder: Path, overrides: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of run.py, which does not outlive this block, nor a signal to this process."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    folder.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(ROOT / "run.py"), *overrides, f"hydra.run.dir={folder}"]
    before = signal.signal(signal.SIGTERM, end)
    with log_of(folder).open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield process
        finally:
            stop(process)
            signal.signal(signal.SIGTERM, before)


def stop(process: "subprocess.Popen[bytes]") -> int:
    """Ask a run to save itself and end, if it hasn't; its exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def log_of(folder: Path) -> Path:
    """Path of the log that holds a run's output."""
    return folder.with_name(f"{folder.name}.log")


def _state(folder: Path, began: float) -> str:
    rows, speed = _rows(folder), pace(folder, began)
    parts = [f"{rows[-1]['update']:,.0f} updates" if rows else "no update yet"]
    if speed.rate:
        parts.append(f"{speed.rate:,.1f}/s")
    error = renderer_error(folder)
    if error is not None:
        parts.append(f"{error[2]:.3f} of the mean image's error at {error[0]:,.0f}")
    measured = read_table(folder / "metrics.csv", ("update", "val_l2"))
    if len(measured):
        update, l2 = measured.iloc[-1]
        parts.append(f"validation L2 {l2:.5f} at {update:,.0f}")
    return ", ".join(parts)


def _end_of(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n").splitlines()
    return "\n".join(lines[-12:])
