"""Figures as a table in Markdown, and where it stands in docs/performance.md."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.floors import Ceilings, Work
from benchmarks.registry import Result
from impasto.errors import UserError
from impasto.persistence.atomic import atomic_write

HEADER = (
    "| what | figure | time | floor | of the floor | × last | aim |",
    "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
)
LEGEND = (
    "`time` is of one unit of work; `of the floor` is the floor's share of it, 100 % where nothing "
    "is left to gain; `× last` is how many times as good as at the last change recorded for this "
    "machine, above 1 for the better."
)
_GIGA, _TERA, _MEGA, _MS = 1e9, 1e12, 1e6, 1e3


def number(value: float) -> str:
    """Three significant digits, and no powers of ten."""
    if not value:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def row(result: Result, before: float | None) -> str:
    """A figure as a row.

    Args:
        result: The row to write.
        before: The value that was recorded last.
    """
    unit = result.unit if result.milliseconds is None else "ms"
    cells = (
        result.what,
        f"{number(result.value)} {result.unit}",
        "" if result.milliseconds is None else f"{number(result.milliseconds)} ms",
        "" if result.floor is None else f"{number(result.floor)} {unit}",
        "" if result.share is None else f"{number(100 * result.share)} %",
        "" if before is None else f"{result.gain(before):.2f}",
        result.aim,
    )
    return line(cells)


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
