"""Predictions of the counts for machines that are not here.

``python -m benchmarks.predictions`` prints the table, ``--write`` puts it into docs/performance.md.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.counted import Counted
from benchmarks.floors import Work
from benchmarks.report import DOCUMENT, line, number, write_section
from benchmarks.workbench import Scale

SECTION = "python -m benchmarks.predictions --write"
_LAUNCH = 5e-6  # seconds in which a host starts an operation, roughly
_UPDATES = 200_000  # of the recipe
_AT_ONCE = 128  # pictures


@dataclass(frozen=True)
class Chip:
    """A machine as its maker describes it: no such rate is ever reached.

    Attributes:
        name: Its name.
        float32: Operations per second in IEEE's float32, outside of tensor cores.
        bfloat16: The same in bfloat16, dense; None where networks are not run in it.
        bandwidth: Bytes per second.
    """

    name: str
    float32: float
    bfloat16: float | None
    bandwidth: float

    def bounds(self, work: Work) -> dict[str, float]:
        """Least seconds of some work, by what takes them."""
        coarse = work.coarse / self.bfloat16 if self.bfloat16 else 0.0
        return {
            "arithmetic": (work.flops - work.coarse) / self.float32 + coarse,
            "memory": work.bytes_moved("fp32") / self.bandwidth,
            "launches": work.launches * _LAUNCH,
        }


CHIPS = (
    Chip("H200", 67e12, 989e12, 4.8e12),
    Chip("RTX 4090", 82.6e12, 165e12, 1.008e12),
    Chip("M4 Max", 16e12, None, 0.546e12),  # 40 cores of 128 lanes at 1.6 GHz; MPS is in float32
)


def pieces(counted: Counted) -> Mapping[str, Work]:
    """Count the work that is predicted."""
    return {
        "update": counted.update,
        "learning": counted.learning,
        "picture": counted.painted(1),
        "pictures": counted.painted(_AT_ONCE),
    }


def table(plain: Mapping[str, Work], mixed: Mapping[str, Work], batch: int) -> list[str]:
    """A row for each machine.

    Args:
        plain: `pieces` in float32.
        mixed: The same with bfloat16 where networks bear it.
        batch: Of the update.
    """
    head = (
        "machine",
        f"update, batch {batch}",
        "arithmetic / memory / launches",
        f"{_UPDATES:,} updates with rollouts",
        "one picture",
        f"{_AT_ONCE} pictures at once",
    )
    lines = [line(head), line(["---", "---:", "---", "---:", "---:", "---:"])]
    for chip in CHIPS:
        work = mixed if chip.bfloat16 else plain
        bounds = {name: chip.bounds(one) for name, one in work.items()}
        least = {name: max(one.values()) for name, one in bounds.items()}
        cells = (
            chip.name,
            f"{number(1e3 * least['update'])} ms",
            " / ".join(number(1e3 * one) for one in bounds["update"].values()),
            f"{number(_UPDATES * least['learning'] / 3600)} h",
            f"{number(1e3 * least['picture'])} ms",
            f"{number(_AT_ONCE / least['pictures'])} / s",
        )
        lines.append(line(cells))
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and do with it what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.predictions", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    args = parser.parse_args(arguments)
    scale = Scale(batch=96)
    lines = table(
        pieces(Counted(scale)),
        pieces(Counted(scale, mixed=True)),
        scale.batch,
    )
    print("\n".join(lines))
    if args.write:
        write_section(DOCUMENT, SECTION, ["", *lines, ""])


if __name__ == "__main__":
    main()
