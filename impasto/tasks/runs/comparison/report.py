"""A comparison as report.md and report.html."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.persistence.atomic import atomic_write
from impasto.tasks.runs.comparison.drawing import color, save_all_curves
from impasto.tasks.runs.comparison.pictures import save_side_by_side
from impasto.tasks.runs.comparison.statistics import SIGNIFICANT, Spread, Verdict
from impasto.tasks.runs.comparison.table import Comparison, Row
from impasto.tasks.runs.html import data_uri, page
from impasto.tasks.runs.run_folder import shown

_TITLE = "Comparison"
_PAINTINGS = "paintings_side_by_side.png"
_NONE = "–"
_HEADER = (
    "variant",
    "runs",
    "test L2",
    "difference",
    "verdict",
    "PSNR (dB)",
    "SSIM",
    "updates",
    "seconds to level",
    "reached",
    "seconds",
)
_RUNS_HEADER = ("run", "variant", "seed", "status", "test L2", "command")
_STYLE = """
th { text-align: left; padding: 0 1rem 0 0; border-bottom: 2px solid } td { vertical-align: top }
tr + tr td { border-top: 1px solid #ddd } section { overflow-x: auto } figure { display: block }
img { image-rendering: auto } .swatch { display: inline-block; width: .8em; height: .8em }
.figures td { white-space: nowrap } code { font-size: 12px }
.better { color: #17722a } .worse { color: #a3201b }
"""


@dataclass(frozen=True)
class _Cell:
    """A table's cell; as HTML it may be more than its text."""

    text: str
    html: str


@dataclass(frozen=True)
class _Report:
    """Content of both reports, each in its own notation."""

    comparison: Comparison
    facts: Sequence[str]
    notes: Sequence[str]
    pictures: Sequence[tuple[str, str]]  # file name, caption


def write_report(folder: Path, comparison: Comparison) -> Path:
    """Write report.html, which needs no other file, report.md, and the PNG files that this shows.

    Returns:
        The path of report.html.
    """
    pictures = save_all_curves(folder, comparison)
    paintings = folder / _PAINTINGS
    paintings.unlink(missing_ok=True)  # of a report that was here before
    notes = [*comparison.notes, *save_side_by_side(paintings, comparison)]
    if paintings.exists():
        pictures.append((_PAINTINGS, "The same test images by every variant's first seed."))
    report = _Report(comparison, _facts(comparison), notes, pictures)
    for name, text in (("report.md", _markdown(report)), ("report.html", _html(report, folder))):
        with atomic_write(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return folder / "report.html"


def _facts(comparison: Comparison) -> list[str]:
    """Explain the columns, a sentence or two each."""
    facts = [
        "Figures are mean ± sample standard deviation over the seeds that finished, L2, PSNR and "
        "SSIM of the whole test split; seconds are of training.",
        f"Differences are to {comparison.baseline.variant.label}. One below {SIGNIFICANT:g} pooled "
        f"standard deviations is '{Verdict.NO_DIFFERENCE}'.",
    ]
    if comparison.level is not None:
        origin = (
            "as asked for"
            if comparison.level_given
            else "the lowest that at least one seed of every variant reached"
        )
        facts.append(
            f"The level is a validation L2 of {comparison.level:.5g}, {origin}; when it was reached"
            " is interpolated between validations, over the seeds that reached it."
        )
    return facts


def _cells(comparison: Comparison, row: Row) -> list[_Cell]:
    """A variant's row, in the order of `_HEADER`."""
    finished, all_runs = len(row.variant.finished), len(row.variant.runs)
    difference = None if row is comparison.baseline else comparison.difference(row)
    reached = _NONE if comparison.level is None else f"{len(row.to_level.values)} of {finished}"
    texts = [
        str(all_runs) if finished == all_runs else f"{finished} of {all_runs} finished",
        _figure(row.l2, ".5f"),
        _NONE if difference is None else f"{difference:+.5f}",
        str(row.verdict),
        _figure(row.psnr, ".2f"),
        _figure(row.ssim, ".3f"),
        _figure(row.updates, ",.0f"),
        _seconds(row.to_level),
        reached,
        _seconds(row.seconds),
    ]
    swatch = f'<span class="swatch" style="background:{color(row)}"></span> '
    cells = [_Cell(f"`{row.variant.label}`", swatch + html.escape(row.variant.label))]
    cells += [_Cell(text, html.escape(text)) for text in texts]
    if row.verdict in (Verdict.BETTER, Verdict.WORSE):
        cells[4] = _Cell(cells[4].text, f'<b class="{row.verdict}">{row.verdict}</b>')
    return cells


def _run_cells(comparison: Comparison) -> list[list[_Cell]]:
    """A row for every run, in the order of `_RUNS_HEADER`."""
    rows = []
    for row in comparison.rows:
        for run in row.variant.runs:
            l2 = run.metric("l2")
            texts = [shown(run.folder), row.variant.label, str(run.seed), run.status]
            texts.append(_NONE if l2 is None else f"{l2:.5f}")
            cells = [_Cell(text, html.escape(text)) for text in texts]
            code = f"<code>{html.escape(run.command)}</code>"
            rows.append([*cells, _Cell(f"`{run.command}`", code)])
    return rows


def _figure(spread: Spread, notation: str) -> str:
    """Mean ± standard deviation; without the latter where it is not known, or 0 for a count."""
    if spread.mean is None:
        return _NONE
    if spread.std is None or (spread.std == 0 and spread.mean == int(spread.mean)):
        return f"{spread.mean:{notation}}"
    return f"{spread.mean:{notation}} ± {spread.std:{notation}}"


def _seconds(spread: Spread) -> str:
    return _figure(spread, ".1f" if spread.mean is not None and spread.mean < 100 else ",.0f")


def _markdown(report: _Report) -> str:
    comparison = report.comparison
    table = _markdown_table(_HEADER, [_cells(comparison, row) for row in comparison.rows])
    runs = _markdown_table(_RUNS_HEADER, _run_cells(comparison))
    pictures = [f"![{_title(caption)}]({name})\n\n{caption}" for name, caption in report.pictures]
    notes = "\n".join(f"- {note}" for note in report.notes)
    facts = "\n".join(f"- {fact}" for fact in report.facts)
    parts = [f"# {_TITLE}", table, facts, *([f"**Note**\n\n{notes}"] if notes else [])]
    return "\n\n".join([*parts, *pictures, "## Runs", runs]) + "\n"


def _title(caption: str) -> str:
    """Caption of a picture, without its explanation."""
    return caption.partition(";")[0]


def _markdown_table(header: Sequence[str], rows: Sequence[Sequence[_Cell]]) -> str:
    lines = [header, ["---"] * len(header)]
    lines += [[cell.text.replace("|", r"\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _html(report: _Report, folder: Path) -> str:
    comparison = report.comparison
    facts = "".join(f"<li>{html.escape(fact)}" for fact in report.facts)
    notes = "".join(f"<li>{html.escape(note)}" for note in report.notes)
    parts = [
        f"<h1>{_TITLE}</h1>",
        _html_table("figures", _HEADER, [_cells(comparison, row) for row in comparison.rows]),
        f"<ul>{facts}</ul>",
        f"<h2>Note</h2><ul>{notes}</ul>" if notes else "",
    ]
    for name, caption in report.pictures:
        image = f'<img alt="{html.escape(_title(caption))}" src="{data_uri(folder / name)}">'
        text = f"<figcaption>{html.escape(caption)}</figcaption>"
        parts.append(f"<figure>{image}{text}</figure>")
    parts += ["<h2>Runs</h2>", _html_table("runs", _RUNS_HEADER, _run_cells(comparison))]
    return page(_TITLE, "\n".join(parts), _STYLE)


def _html_table(kind: str, header: Sequence[str], rows: Sequence[Sequence[_Cell]]) -> str:
    head = "".join(f"<th>{html.escape(name)}" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell.html}' for cell in row)}" for row in rows)
    return f"<section class={kind}><table><tr>{head}{body}</table></section>"
