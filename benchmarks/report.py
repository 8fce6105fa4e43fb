"""The table of docs/performance.md, made of the newest run that pytest-benchmark has stored.

``python -m benchmarks.report`` prints a row for each benchmark, beside the floor of its time and
what was stored for the commit before on the same machine. ``--write`` puts it into the document,
``--picture FILE`` draws how cost grows.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, mean
from typing import Any

from benchmarks.floors import Ceilings, Work
from benchmarks.machine import ROOT
from impasto.errors import UserError
from impasto.io.figures import save_curves
from impasto.persistence.atomic import atomic_write

HISTORY = ROOT / "benchmarks" / "history"
DOCUMENT = ROOT / "docs" / "performance.md"
LIMIT = 1.1  # of the slopes
HEADER = (
    "| what | figure | time | floor | of the floor | × last | aim |",
    "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
)
LEGEND = (
    "`time` is of one unit of work; `of the floor` is the floor's share of it, 100 % where nothing "
    "is left to gain; `× last` is how many times as fast as at the last change recorded for this "
    "machine, above 1 for the better."
)
_GIGA, _TERA, _MEGA, _MS = 1e9, 1e12, 1e6, 1e3


@dataclass(frozen=True)
class Row:
    """Row of the table.

    Attributes:
        what: Its name.
        seconds: Of one unit of work; None of a figure that is no time.
        figure: What is to be read, with its unit.
        floor: Least seconds of one unit, if that is known.
        aim: What is to be reached, in words.
    """

    what: str
    seconds: float | None
    figure: str
    floor: float | None = None
    aim: str = ""

    def line(self, last: float | None) -> str:
        """The row in Markdown, given the seconds that were stored last."""
        seconds, floor = self.seconds, self.floor
        share = None if floor is None or seconds is None else 100 * floor / seconds
        cells = (
            self.what,
            self.figure,
            "" if seconds is None else f"{number(_MS * seconds)} ms",
            "" if floor is None else f"{number(_MS * floor)} ms",
            "" if share is None else f"{number(share)} %",
            "" if last is None or seconds is None else f"{last / seconds:.2f}",
            self.aim,
        )
        return line(cells)


def rows(run: Mapping[str, Any]) -> dict[str, Row]:
    """Rows by the benchmark's full name, of a run as pytest-benchmark stores it."""
    found = {}
    for benchmark in run["benchmarks"]:
        info, median = benchmark["extra_info"], benchmark["stats"]["median"]
        units = info.get("units")
        seconds: float | None = median / (units or 1)
        if "unit" in info:
            value = info["figure"] if "figure" in info else median * info["scaled"]
            figure = f"{number(value)} {info['unit']}"
        elif "ratio" in info:  # its seconds are ours and the peer's
            figure, seconds = info["ratio"], None
        else:
            figure = f"{number(1 / seconds)} / s" if units else f"{number(_MS * seconds)} ms"
        figure += f" ({info['more']})" if "more" in info else ""
        floor = info["floor"] / (units or 1) if "floor" in info else None
        found[benchmark["fullname"]] = Row(
            info["what"], seconds, figure, floor, info.get("aim", "")
        )
    return found


def summaries(run: Mapping[str, Any]) -> Iterator[Row]:
    """Yield rows that sum up several benchmarks: slopes of growth."""
    for growth, curve in curves(run).items():
        if len(curve) > 1:
            work, seconds = list(curve), list(curve.values())
            half = len(work) // 2
            late = slope(work[half:], seconds[half:]) if len(work) - half > 1 else math.nan
            what = f"growth of cost: {growth} (the upper half {late:.2f})"
            figure = f"{slope(work, seconds):.3f} slope"
            yield Row(what, None, figure, aim=f"≤ {LIMIT}")


def picture_tables(run: Mapping[str, Any]) -> dict[str, list[str]]:
    """Tables of painted pictures by name: a row for each, and their mean where one is asked for."""
    cells: dict[str, dict[str, dict[str, float]]] = {}
    averaged = set()
    for info in (benchmark["extra_info"] for benchmark in run["benchmarks"]):
        if "cells" in info:
            cells.setdefault(info["table"], {}).setdefault(info["row"], {}).update(info["cells"])
            averaged |= {info["table"]} if info.get("mean") else set()
    found = {}
    for name, painted in cells.items():
        heads = list(dict.fromkeys(head for row in painted.values() for head in row))
        if name in averaged:
            whole = {h: [row[h] for row in painted.values() if h in row] for h in heads}
            painted["mean"] = {head: mean(values) for head, values in whole.items()}
        found[name] = [line(["picture", *heads]), line(["---", *["---:"] * len(heads)])]
        for row, values in painted.items():
            found[name].append(
                line([row, *(number(values[h]) if h in values else "" for h in heads)])
            )
    return found


def curves(run: Mapping[str, Any]) -> dict[str, dict[float, float]]:
    """Median seconds by amount of work, by what grows."""
    found: dict[str, dict[float, float]] = {}
    for benchmark in run["benchmarks"]:
        info = benchmark["extra_info"]
        if "growth" in info:
            found.setdefault(info["growth"], {})[info["work_done"]] = benchmark["stats"]["median"]
    return found


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Least-squares slope of log y over log x; all above 0.

    >>> round(slope([1, 10, 100], [2, 20, 200]), 6)
    1.0
    """
    logs_x, logs_y = ([math.log(value) for value in values] for values in (x, y))
    return linear_regression(logs_x, logs_y).slope


def save_growth(picture: Path, grown: Mapping[str, Mapping[float, float]]) -> None:
    """Draw curves of seconds by work, as multiples of the least."""
    factors = {
        f"{name}: {slope(list(curve), list(curve.values())):.2f}": {
            round(work / min(curve), 1): seconds for work, seconds in curve.items()
        }
        for name, curve in grown.items()
    }
    places = sorted({place for curve in factors.values() for place in curve})
    lines = {name: [curve.get(at, math.nan) for at in places] for name, curve in factors.items()}
    label = "work, as a multiple of the least"
    save_curves(picture, places, lines, label, "seconds", log=True, log_x=True)


def last_seconds(run: Mapping[str, Any], earlier: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Seconds by full name, as last stored on the same machine for other commits without changes.

    Args:
        run: The run that is compared.
        earlier: Stored runs, the oldest first.
    """
    found: dict[str, float] = {}
    for other in earlier:
        commit = other["commit_info"]
        is_same = commit["id"] == run["commit_info"]["id"] or commit["dirty"]
        if other["machine_info"]["machine"] == run["machine_info"]["machine"] and not is_same:
            found |= {name: row.seconds for name, row in rows(other).items() if row.seconds}
    return found


def table(run: Mapping[str, Any], earlier: Iterable[Mapping[str, Any]]) -> list[str]:
    """The whole table, with what the floors rest on if that was measured."""
    machine = run["machine_info"]
    lines = [f"Measured on {machine['machine']}, {machine['versions']}.", LEGEND, "", *HEADER]
    last = last_seconds(run, earlier)
    lines += [row.line(last.get(name)) for name, row in rows(run).items() if "growth" not in name]
    lines += [row.line(None) for row in summaries(run)]
    for painted in picture_tables(run).values():
        lines += ["", *painted]
    for benchmark in run["benchmarks"]:
        if "lines" in benchmark["extra_info"]:
            lines += ["", *benchmark["extra_info"]["lines"]]
    return lines


def number(value: float) -> str:
    """Three significant digits, and no powers of ten."""
    if not value:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def line(cells: Iterable[str]) -> str:
    """Cells as one line of a table."""
    return f"| {' | '.join(cells)} |"


def floors_table(works: Iterable[tuple[str, Work]], ceilings: Ceilings) -> list[str]:
    """Work and the floors that follow from it, by precision."""
    names = list(ceilings.rates)
    heads = [f"moved in {name} | floor in {name}" for name in names]
    lines = [
        line(["what", "operations", *heads]),
        line(["---", "---:", *["---: | ---:"] * len(names)]),
    ]
    for what, work in works:
        cells = [what, f"{number(work.flops / _GIGA)} GFLOP"]
        for name in names:
            cells.append(f"{number(work.bytes_moved(name) / _MEGA)} MB")
            cells.append(f"{number(_MS * ceilings.floor(work, name))} ms")
        lines.append(line(cells))
    return lines


def ceilings_line(ceilings: Ceilings) -> str:
    """The ceilings, in a sentence."""
    rates = ", ".join(
        f"{number(rate / _TERA)} TFLOP/s in {name}" for name, rate in ceilings.rates.items()
    )
    return f"Ceilings measured: {rates}, {number(ceilings.bandwidth / _GIGA)} GB/s."


def write_section(path: Path, name: str, lines: Sequence[str]) -> None:
    """Put lines between ``<!-- NAME -->`` and ``<!-- end of NAME -->`` of a file.

    Raises:
        UserError: The file has no such marks.
    """
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, opening, rest = path.read_text(encoding="utf-8").partition(start)
    _, closing, after = rest.partition(end)
    if not (opening and closing):
        raise UserError(f"{path} has no section {start} … {end}", "put these two lines into it")
    text = "\n".join([before + start, *lines, end + after])
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the newest run, and do with it what is asked for.

    Raises:
        UserError: None is stored.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--history", type=Path, default=HISTORY, help="the storage")
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    parser.add_argument("--picture", type=Path, help="where the curves of growth go")
    args = parser.parse_args(arguments)
    stored = [json.loads(path.read_text()) for path in args.history.rglob("*.json")]
    if not stored:
        raise UserError(f"{args.history} holds no run", "run `make bench` first")
    *earlier, run = sorted(stored, key=lambda one: str(one["datetime"]))
    lines = table(run, earlier)
    print("\n".join(lines))
    if args.write:
        painted = picture_tables(run)
        for name, rows_of_it in painted.items():
            machine = f"Measured on {run['machine_info']['machine']}."
            write_section(
                DOCUMENT, f"make bench-paint WRITE=1: {name}", ["", machine, "", *rows_of_it, ""]
            )
        if not painted:
            kind = "GPU" if run["machine_info"]["device"] == "cuda" else "CPU"
            write_section(DOCUMENT, f"make bench WRITE=1 on a {kind}", ["", *lines, ""])
    if args.picture:
        save_growth(args.picture, curves(run))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
