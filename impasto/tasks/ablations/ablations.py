"""Runs of a plan, and the report of the papers' results beside those found here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from impasto.bounds import Count, validated
from impasto.tasks.ablations.plan import read_plan
from impasto.tasks.ablations.report import write_ablations
from impasto.tasks.ablations.runner import run_all


@validated
def ablations(
    plan: Mapping[str, Any],
    scale: str,
    folder: Path,
    chosen: Sequence[str] | None = None,
    jobs: Count = 2,
    vary: Sequence[str] = (),
) -> dict[str, Any]:
    """Make the papers' experiments at a scale, and write ``report.md`` with its pictures.

    Started again in the same folder it goes on where it was stopped.

    Args:
        plan: Scales and rows; see conf/task/ablations.yaml.
        scale: Which scale.
        folder: The run folder; runs go to ``runs`` in it.
        chosen: Letters of rows; None is all.
        jobs: Runs side by side.
        vary: Further overrides of every run.

    Returns:
        Metrics for the summary.

    Raises:
        UserError: An unknown scale or row; or no run has finished, so that there is no report.
    """
    read = read_plan(plan, scale, chosen, vary, folder / "runs")
    everything = read.jobs()
    failed = run_all(everything, jobs)
    report = write_ablations(folder, read)
    print(f"report: {report}")
    return {"runs": len(everything), "failed": len(failed)}
