"""The table of a comparison: a row per variant, best first, and what to know when reading it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from impasto.errors import UserError
from impasto.tasks.runs.comparison.runs import Run
from impasto.tasks.runs.comparison.statistics import (
    Verdict,
    common_level,
    confidence_interval,
    judge,
    seconds_to,
)
from impasto.tasks.runs.comparison.variants import Variant, group_runs
from impasto.tasks.runs.run_folder import identity, shown

# Of the data section, what has no say in which images are tested, and how.
_NOT_TESTED = (
    "strokes",
    "root",
    "cache",
    "batch_size",
    "eval_batch_size",
    "seed",
    "flip",
    "num_workers",
    "val_limit",
)


_MEASURED = ("l2", "psnr", "ssim", "updates")  # numbers of a run's summary
_FIGURES = (*_MEASURED, "seconds", "to_level")


@dataclass(frozen=True, eq=False)
class Row:
    """A variant's figures over the seeds that finished.

    Attributes:
        variant: Its label and runs.
        number: Its place among the variants as they were given, from 0; says its colour.
        figures: A row per finished run: test `l2`, `psnr` (dB) and `ssim`, `updates` made,
            `seconds` of training and `to_level`, NaN where the run has none.
        verdict: What the difference of L2 to the baseline is worth.
        interval: 95 % confidence interval of that difference over test pictures, paired, seeds
            averaged; None where not both have each picture's L2, or the pictures differ.
    """

    variant: Variant
    number: int
    figures: pd.DataFrame
    verdict: Verdict
    interval: tuple[float, float] | None

    @property
    def l2(self) -> float:
        """Mean test L2; NaN without a finished run."""
        return float(self.figures["l2"].mean())


@dataclass(frozen=True)
class Comparison:
    """Content of a report.

    Attributes:
        rows: Best test L2 first, variants without a finished run last.
        baseline: The row that the others are judged by.
        level: The validation L2 that `to_level` is about; None if nothing was validated.
        level_given: Whether the user chose it.
        notes: What to know when reading the table, a sentence each.
    """

    rows: tuple[Row, ...]
    baseline: Row
    level: float | None
    level_given: bool
    notes: tuple[str, ...]

    @property
    def runs(self) -> list[Run]:
        """All runs, variant by variant in the table's order."""
        return [run for row in self.rows for run in row.variant.runs]


def compare_runs(
    runs: Sequence[Run], level: float | None = None, baseline: str | None = None
) -> Comparison:
    """Group runs into variants by their configs, and judge them as `compare_variants` does."""
    return compare_variants(group_runs(runs), level, baseline)


def compare_variants(
    variants: Sequence[Variant], level: float | None = None, baseline: str | None = None
) -> Comparison:
    """Judge variants by their test L2.

    Args:
        variants: Their runs are of one task.
        level: The L2 for the time to it; None is the lowest that a seed of every variant reached.
        baseline: A label, or enough of its words to know it; None is the first variant that has a
            finished run.

    Raises:
        UserError: The runs are of different tasks, or of one that is not measured by L2; none has
            finished; the level is no L2; the baseline is none of the variants.
    """
    _check([run for variant in variants for run in variant.runs])
    chosen = _find_baseline(variants, baseline)
    level_given = level is not None
    if level is None:
        level = common_level([run.validations for run in v.finished] for v in variants)
    figures = [_figures(variant, level) for variant in variants]
    base_l2 = figures[variants.index(chosen)]["l2"]
    rows = [
        Row(v, i, own, Verdict.BASELINE, None)
        if v is chosen
        else Row(v, i, own, judge(own["l2"], base_l2), _interval(v, chosen))
        for i, (v, own) in enumerate(zip(variants, figures, strict=True))
    ]
    rows.sort(key=lambda row: math.inf if row.figures.empty else row.l2)
    base = next(row for row in rows if row.variant is chosen)
    return Comparison(tuple(rows), base, level, level_given, tuple(_notes(rows, base)))


def _check(runs: Sequence[Run]) -> None:
    for run in runs:
        if run.task != runs[0].task:
            what = f"runs: {runs[0].folder} is of task={runs[0].task}, {run.folder} of {run.task}"
            raise UserError(what, "compare runs of one task")
    finished = [run for run in runs if run.finished]
    if not finished:
        ends = ", ".join(f"{run.folder}: {run.status}" for run in runs)
        todo = "give at least one run that is; resume=FOLDER goes on with one that stopped"
        raise UserError(f"runs: none is finished ({ends})", todo)
    for run in finished:
        if run.metric("l2") is None:
            todo = "compare runs of task=train or task=evaluate"
            raise UserError(f"runs: {run.folder} has no test L2 in its summary.json", todo)


def _find_baseline(variants: Sequence[Variant], wanted: str | None) -> Variant:
    """The variant whose label has all the words that are wanted."""
    able = [variant for variant in variants if variant.finished]
    if wanted is None:
        return able[0]
    exact = [variant for variant in able if variant.label == wanted]
    words = set(wanted.split())
    matching = exact or [variant for variant in able if words <= set(variant.settings.split())]
    if len(matching) != 1:
        problem = "is no finished variant" if not matching else "is several variants"
        labels = ", ".join(repr(variant.label) for variant in able)
        raise UserError(f"baseline {wanted!r} {problem}", f"choose from {labels}")
    return matching[0]


def _figures(variant: Variant, level: float | None) -> pd.DataFrame:
    """A variant's `Row.figures`."""
    rows = [
        [
            *map(run.metric, _MEASURED),
            run.seconds,
            None if level is None else seconds_to(level, run.validations),
        ]
        for run in variant.finished
    ]
    return pd.DataFrame(rows, columns=list(_FIGURES), dtype=float)


def _interval(variant: Variant, baseline: Variant) -> tuple[float, float] | None:
    """A variant's `Row.interval`."""
    runs = (*variant.finished, *baseline.finished)
    sizes = {len(run.l2_by_picture) for run in runs}
    if (
        not variant.finished
        or len(sizes) > 1
        or any(_tested(run) != _tested(runs[0]) for run in runs)
    ):
        return None
    own, other = (
        pd.DataFrame([run.l2_by_picture.to_list() for run in one.finished]).mean()
        for one in (variant, baseline)
    )
    return confidence_interval(own - other)


def _notes(rows: Sequence[Row], base: Row) -> Iterator[str]:
    """Yield a sentence for each thing that makes metrics less comparable than they look."""
    finished = [run for row in rows for run in row.variant.finished]
    tested = _tested(base.variant.finished[0])
    others = [
        row.variant.label
        for row in rows
        if any(_tested(run) != tested for run in row.variant.finished)
    ]
    if others:
        yield (
            "The test sets differ: not judged on the baseline's images, or not at its canvas size: "
            f"{'; '.join(others)}. Differences between them are not the variants' alone."
        )
    if unfinished := [run for row in rows for run in row.variant.runs if not run.finished]:
        ends = ", ".join(f"{shown(run.folder)} ({run.status})" for run in unfinished)
        yield f"Not finished, and in no figure: {ends}."
    for row in rows:
        seeds = [run.seed for run in row.variant.finished]
        if twice := sorted({seed for seed in seeds if seeds.count(seed) > 1}):
            listed = ", ".join(map(str, twice))
            yield f"{row.variant.label} has several runs of seed {listed}: counted each."
    for name, what in (("device", "on different devices"), ("git_commit", "by different versions")):
        kinds = sorted({str(run.summary[name]) for run in finished if name in run.summary})
        if len(kinds) > 1:
            yield f"The runs were made {what}: {', '.join(kinds)}."


def _tested(run: Run) -> tuple[Any, ...]:
    """Return what identifies a run's test set, as far as configs and summaries tell."""
    data, canvas = run.config.get("data", {}), run.config.get("canvas", {})
    return identity(data, _NOT_TESTED), canvas.get("size"), run.metric("images")
