"""``make bench``: a table of what the framework does per second, beside the hardware's floor.

Figures of a change that is committed are kept in benchmarks/history.csv, one row per change and
machine; those of files that were changed since are printed only, as nobody could measure them
again.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import floors, rows  # noqa: F401, importing the rows makes them known
from benchmarks.machine import busy, device, hardware, machine, versions
from benchmarks.peer.rows import compared
from benchmarks.records import Records, change
from benchmarks.registry import Entry, Result, chosen, groups
from benchmarks.report import HEADER, LEGEND, ceilings_line, floors_table, row, write_section
from benchmarks.sizes import QUICK, default_scale
from benchmarks.workbench import Workbench
from impasto.errors import UserError
from impasto.runtime.memory import return_large_blocks

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "performance.md"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, row by row, print, and keep the figures."""
    args = _parse(arguments)
    started = time.perf_counter()
    return_large_blocks()
    bench = Workbench(QUICK if args.quick else default_scale())
    commit = None if args.quick else change(ROOT)
    records = Records(args.history, hardware())
    lines: list[str] = []

    def say(*texts: str) -> None:
        lines.extend(texts)
        print("\n".join(texts), flush=True)

    say(f"Measured on {machine()}.")
    if warning := busy():
        say(f"When it began, {warning}.")
    results = []
    entries = chosen(args.only)
    if entries:
        say(LEGEND, "", *HEADER)
    for result in measured(bench, entries):
        say(row(result, records.last(result.key, commit)))
        results.append(result)
    if args.peer is not None:
        results += compared(bench, args.peer, say)
    if not args.only or "floors" in args.only:
        _say_floors(bench, say)
    print(_kept(records, results, commit), file=sys.stderr)
    if args.write:
        kind = "GPU" if device().type == "cuda" else "CPU"
        write_section(DOCUMENT, f"make bench WRITE=1 on a {kind}", ["", *lines, ""])
    print(f"{time.perf_counter() - started:.0f} s in all", file=sys.stderr)


def measured(bench: Workbench, entries: Sequence[Entry]) -> Iterator[Result]:
    """Yield the figures of each measurement in turn, with a line of progress on the terminal."""
    for number, entry in enumerate(entries, start=1):
        name = f"{entry.group}: {entry.measure.__name__}"
        print(f"[{number}/{len(entries)}] measuring {name}", file=sys.stderr, flush=True)
        yield from entry.measure(bench)


def _say_floors(bench: Workbench, say: Callable[..., None]) -> None:
    """The counts behind the floors, with the ceilings that they rest on."""
    counted, scale = bench.counted, bench.scale
    works = [
        ("one stroke drawn exactly", floors.stroke_drawn(scale.size)),
        ("one update of the renderer", counted.renderer_step),
        ("one step of one canvas", counted.steps_of(scale.batch) * (1 / scale.batch)),
        (f"one update, batch {scale.batch}", counted.update),
        ("the same with its share of a rollout", counted.learning),
        ("one picture painted", counted.painted(1)),
    ]
    say("", ceilings_line(bench.ceilings), "", *floors_table(works, bench.ceilings))


def _kept(records: Records, results: Sequence[Result], commit: str | None) -> str:
    """Record the figures if they can be measured again, and say whether."""
    if commit is None:
        return "not recorded: there are changes that are not committed"
    records.keep({result.key: result.value for result in results}, commit, versions())
    return f"recorded for {commit[:12]} in {records.path}"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [*groups(), "floors"]
    parser.add_argument(
        "--only", default="", help=f"some of {','.join(names)}, with commas; all by default"
    )
    parser.add_argument(
        "--peer", type=Path, help="a checkout of github.com/hzwer/ICCV2019-LearningToPaint"
    )
    parser.add_argument("--history", type=Path, default=ROOT / "benchmarks" / "history.csv")
    parser.add_argument("--write", action="store_true", help="put the tables into the docs")
    parser.add_argument("--quick", action="store_true", help="next to nothing, not recorded")
    args = parser.parse_args(arguments)
    args.only = [word for word in args.only.replace(" ", ",").split(",") if word]
    if unknown := set(args.only) - {*names, "peer"}:
        parser.error(f"no group {min(unknown)!r}: choose from {', '.join(names)}")
    return args


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
