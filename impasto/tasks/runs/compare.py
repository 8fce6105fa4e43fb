"""Runs side by side, in a table, curves and paintings: ``task=compare``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from impasto.bounds import Positive, validated
from impasto.errors import UserError
from impasto.tasks.runs.comparison.report import write_report
from impasto.tasks.runs.comparison.runs import find_runs, read_run
from impasto.tasks.runs.comparison.table import Comparison, compare_runs


@validated
def compare(
    runs: str | Sequence[str],
    folder: Path,
    level: Positive | None = None,
    baseline: str | None = None,
    tags: Sequence[str] = (),
) -> dict[str, Any]:
    """Compare runs of `train` or `evaluate`, grouped into variants that differ only in the seed.

    Leaves ``report.html``, which needs no other file, ``report.md``, and the PNG files in it.

    Args:
        runs: Run folders, folders of runs such as a sweep's, or globs.
        folder: Where the report goes.
        level: The validation L2 for the time to it; None is the lowest that at least one seed of
            every variant reached.
        baseline: The label of the variant to judge the others by; None is the first.
        tags: Only runs that have all of these are compared.

    Returns:
        Metrics for the summary.

    Raises:
        UserError: A folder holds no run, or one that can't be read; none has the tags, or is
            finished; they are of different tasks; the baseline is none of them.
    """
    found = [read_run(run) for run in find_runs(runs)]
    tagged = [run for run in found if set(tags) <= set(run.summary.get("tags", ()))]
    if not tagged:
        what = f"runs: none of the {len(found)} has tags=[{','.join(tags)}]"
        raise UserError(what, "give tags that runs have, or none")
    comparison = compare_runs(tagged, level, baseline)
    _report(folder, comparison)
    return {
        "runs": len(comparison.runs),
        "variants": len(comparison.rows),
        "baseline": comparison.baseline.variant.label,
        "level": comparison.level,
    }


def compare_sweep(folder: Path) -> Path | None:
    """Compare the runs of a sweep, if it is one of `train` and at least two have finished.

    Args:
        folder: The sweep's folder, where the report goes too.

    Returns:
        The path of the report; None without one.

    Raises:
        UserError: A run of it can't be read.
    """
    try:
        folders = find_runs(str(folder))
    except UserError:  # no job left a folder
        return None
    runs = [read_run(run) for run in folders]
    if any(run.task != "train" for run in runs) or sum(run.finished for run in runs) < 2:
        return None
    return _report(folder, compare_runs(runs))


def _report(folder: Path, comparison: Comparison) -> Path:
    """Write the report, and print the table's gist and where it is."""
    path = write_report(folder, comparison)
    for row in comparison.rows:
        l2 = "no finished run" if row.figures.empty else f"L2 {row.l2:.5f}"
        print(f"{row.variant.label}: {l2}, {row.verdict}")
    print(f"report: {path}")
    return path
