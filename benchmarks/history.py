"""Results of earlier runs of a benchmark, in a CSV file that only grows."""

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class PaintingResult:
    """Quality and cost of painting one picture, or the mean over several.

    Attributes:
        part: Of the benchmark.
        picture: Its name, or "mean".
        size: Longer side in pixels at which it was measured.
        strokes: How many.
        psnr: Of the exact painting, dB.
        seconds: Wall-clock time.
        cpu_seconds: Processor time, all threads together.
        peak_memory_mb: Most anonymous memory of the process meanwhile; 0 if it was not this one.
    """

    part: str
    picture: str
    size: int
    strokes: int
    psnr: float
    seconds: float
    cpu_seconds: float
    peak_memory_mb: float = 0.0


_COLUMNS = ["date", "commit", "machine", *(field.name for field in fields(PaintingResult))]
_SAME = ("part", "picture", "size", "strokes")


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read the rows of a table of results, by column; none if there is no such file yet."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class History:
    """CSV file of earlier results.

    Args:
        path: Where it is, or will be.
        machine: Which machine this is: figures of others are no yardstick.
    """

    def __init__(self, path: Path, machine: str) -> None:
        self.path, self.machine = path, machine
        self._rows = read_rows(path)

    def last(self, result: PaintingResult) -> tuple[float, float] | None:
        """PSNR and seconds of the same when it was last recorded on such a machine."""
        wanted = {key: str(getattr(result, key)) for key in _SAME} | {"machine": self.machine}
        for row in reversed(self._rows):
            if all(row[key] == value for key, value in wanted.items()):
                return float(row["psnr"]), float(row["seconds"])
        return None

    def append(self, results: Iterable[PaintingResult], commit: str | None) -> None:
        """Append results as rows."""
        date = datetime.now(UTC).isoformat(timespec="seconds")
        origin = {"date": date, "commit": commit or "", "machine": self.machine}
        is_new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
            if is_new:
                writer.writeheader()
            for result in results:
                values = asdict(result).items()
                short = {k: f"{v:.3f}" if isinstance(v, float) else v for k, v in values}
                writer.writerow(origin | short)
