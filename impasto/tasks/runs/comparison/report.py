"""A comparison as report.md and report.html."""

import html
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from impasto.persistence.atomic import atomic_write
from impasto.tasks.runs.comparison.drawing import color, save_all_curves
from impasto.tasks.runs.comparison.pictures import save_side_by_side
from impasto.tasks.runs.comparison.statistics import SIGNIFICANT, Verdict
from impasto.tasks.runs.comparison.table import Comparison, Row
from impasto.tasks.runs.markup import data_uri, html_table, markdown_table, page
from impasto.tasks.runs.run_folder import shown

_TITLE = "Comparison"
_PAINTINGS = "paintings_side_by_side.png"
_NONE = "–"
_HEADER = (
    "variant",
    "runs",
    "test L2",
    "difference",
    "95 % interval",
    "verdict",
    "PSNR (dB)",
    "SSIM",
    "updates",
    "seconds to level",
    "seconds",
)
_RUNS_HEADER = ("run", "variant", "seed", "status", "test L2", "command")
_STYLE = """
table { font-size: 13px } th, td { text-align: left; vertical-align: top; padding: 0 .7rem 0 0 }
th { border-bottom: 2px solid; cursor: pointer } th[aria-sort=ascending]::after { content: " ▲" }
th[aria-sort=descending]::after { content: " ▼" } tr + tr td { border-top: 1px solid #ddd }
section { overflow-x: auto } figure { display: block } img { image-rendering: auto }
.swatch { display: inline-block; width: .8em; height: .8em } code { font-size: 12px }
.figures td { white-space: nowrap } td:first-child, code { overflow-wrap: anywhere }
.figures td:first-child { white-space: normal; min-width: 9rem }
.better { color: #17722a } .worse { color: #a3201b }
"""
# A click on the name of a column sorts by it, numbers before texts; a second one turns it round. A
# date is a text: a number ends with its cell, or before a space.
_SORT = """<script>
for (const head of document.querySelectorAll("th")) head.onclick = () => {
  const body = head.closest("table").tBodies[0], up = head.ariaSort != "ascending";
  const value = row => {
    const text = row.cells[head.cellIndex].textContent.replaceAll(",", "");
    return /^[+-]?[0-9.]+( |$)/.test(text) ? parseFloat(text) : text;
  };
  const order = (a, b) => typeof a == "number" && typeof b == "number" ? a - b
    : typeof a != typeof b ? (typeof a == "number" ? -1 : 1)
    : a.localeCompare(b, "en", { numeric: true });
  for (const other of head.parentNode.cells) other.ariaSort = null;
  head.ariaSort = up ? "ascending" : "descending";
  body.append(...[...body.rows].sort((a, b) => (up ? 1 : -1) * order(value(a), value(b))));
};
</script>"""


@dataclass(frozen=True)
class _Report:
    """Content of both reports, as plain text."""

    variants: pd.DataFrame
    folder: str  # in which all runs lie, and from which they are named
    runs: pd.DataFrame
    colors: Sequence[str]  # of the variants
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
    home = Path(os.path.commonpath([run.folder.absolute().parent for run in comparison.runs]))
    report = _Report(
        variants=_variants(comparison),
        folder=shown(home),
        runs=_runs(comparison, home),
        colors=[color(row) for row in comparison.rows],
        facts=_facts(comparison),
        notes=notes,
        pictures=pictures,
    )
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
        "The interval holds the difference with 95 % confidence over test pictures: both variants' "
        "figures of a picture are compared, seeds averaged, and pictures drawn again (bootstrap). "
        "It says what other pictures would change, and nothing of other seeds.",
    ]
    if comparison.level is not None:
        origin = (
            "as asked for"
            if comparison.level_given
            else "the lowest that at least one seed of every variant reached"
        )
        facts.append(
            f"The level is a validation L2 of {comparison.level:.5g}, {origin}; when it was reached"
            " is interpolated between validations, over the seeds that did (so many of all)."
        )
    for variant in (row.variant for row in comparison.rows):
        if variant.label != variant.settings:
            facts.append(f"{variant.label} is {variant.settings}.")
    return facts


def _variants(comparison: Comparison) -> pd.DataFrame:
    """A row for every variant, in the order of `_HEADER`."""
    return pd.DataFrame([_cells(comparison, row) for row in comparison.rows], columns=_HEADER)


def _cells(comparison: Comparison, row: Row) -> list[str]:
    """A variant's row, in the order of `_HEADER`."""
    finished, all_runs = len(row.variant.finished), len(row.variant.runs)
    difference = row.l2 - comparison.baseline.l2
    unknown = row is comparison.baseline or pd.isna(difference)
    to_level = row.figures["to_level"]
    reached = to_level.count()
    return [
        row.variant.label,
        str(all_runs) if finished == all_runs else f"{finished} of {all_runs}",
        figure_text(row.figures["l2"], ".5f"),
        _NONE if unknown else f"{difference:+.5f}",
        _NONE if row.interval is None else "{:+.5f} to {:+.5f}".format(*row.interval),
        str(row.verdict),
        figure_text(row.figures["psnr"], ".2f"),
        figure_text(row.figures["ssim"], ".3f"),
        figure_text(row.figures["updates"], ",.0f"),
        _NONE if reached == 0 else f"{_seconds(to_level)} ({reached} of {finished})",
        _seconds(row.figures["seconds"]),
    ]


def _runs(comparison: Comparison, home: Path) -> pd.DataFrame:
    """A row for every run, in the order of `_RUNS_HEADER`, named from the folder of all of them."""
    rows = []
    for row in comparison.rows:
        for run in row.variant.runs:
            l2 = run.metric("l2")
            shown_l2 = _NONE if l2 is None else f"{l2:.5f}"
            texts = [
                str(run.folder.absolute().relative_to(home)),
                row.variant.label,
                str(run.seed),
                run.status,
            ]
            rows.append([*texts, shown_l2, run.command])
    return pd.DataFrame(rows, columns=_RUNS_HEADER)


def figure_text(values: pd.Series, notation: str) -> str:
    """Mean ± standard deviation; without the latter where it is not known, or 0 for a count."""
    mean, std = values.mean(), values.std()
    if pd.isna(mean):
        return _NONE
    if pd.isna(std) or (std == 0 and mean == int(mean)):
        return f"{mean:{notation}}"
    return f"{mean:{notation}} ± {std:{notation}}"


def _seconds(values: pd.Series) -> str:
    return figure_text(values, ".1f" if values.mean() < 100 else ",.0f")


def _markdown(report: _Report) -> str:
    variants = report.variants.assign(variant="`" + report.variants["variant"] + "`")
    runs = report.runs.assign(command="`" + report.runs["command"] + "`")
    pictures = [f"![{_title(caption)}]({name})\n\n{caption}" for name, caption in report.pictures]
    notes = "\n".join(f"- {note}" for note in report.notes)
    facts = "\n".join(f"- {fact}" for fact in report.facts)
    parts = [f"# {_TITLE}", markdown_table(variants), facts]
    parts += [f"**Note**\n\n{notes}"] if notes else []
    return (
        "\n\n".join([*parts, *pictures, f"## Runs in {report.folder}", markdown_table(runs)]) + "\n"
    )


def _title(caption: str) -> str:
    """Caption of a picture, without its explanation."""
    return caption.partition(";")[0]


def _html(report: _Report, folder: Path) -> str:
    facts = "".join(f"<li>{html.escape(fact)}" for fact in report.facts)
    notes = "".join(f"<li>{html.escape(note)}" for note in report.notes)
    parts = [
        f"<h1>{_TITLE}</h1>",
        f"<section class=figures>{html_table(_html_variants(report))}</section>",
        f"<ul>{facts}</ul>",
        f"<h2>Note</h2><ul>{notes}</ul>" if notes else "",
    ]
    for name, caption in report.pictures:
        image = f'<img alt="{html.escape(_title(caption))}" src="{data_uri(folder / name)}">'
        text = f"<figcaption>{html.escape(caption)}</figcaption>"
        parts.append(f"<figure>{image}{text}</figure>")
    runs = report.runs.map(html.escape)
    runs = runs.assign(command="<code>" + runs["command"] + "</code>")
    heading = f"<h2>Runs in {html.escape(report.folder)}</h2>"
    parts += [heading, f"<section class=runs>{html_table(runs)}</section>"]
    return page(_TITLE, "\n".join([*parts, _SORT]), _STYLE)


def _html_variants(report: _Report) -> pd.DataFrame:
    """Every variant with its colour, and its verdict if it is one."""
    variants = report.variants.map(html.escape)
    swatches = [
        f'<span class="swatch" style="background:{color}"></span> ' for color in report.colors
    ]
    verdicts = {one: f'<b class="{one}">{one}</b>' for one in (Verdict.BETTER, Verdict.WORSE)}
    return variants.assign(
        variant=swatches + variants["variant"], verdict=variants["verdict"].replace(verdicts)
    )
