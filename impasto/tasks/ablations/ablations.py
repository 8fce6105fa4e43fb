"""Runs of a plan, and the report of the papers' results beside those found here."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from impasto.bounds import Count, validated
from impasto.tasks.ablations.plan import read_plan
from impasto.tasks.ablations.report import write_ablations
from impasto.tasks.ablations.runner import gpus, run_all

_WITHOUT_GPU = 2  # runs side by side


@validated
def ablations(
    plan: Mapping[str, Any],
    scale: str,
    folder: Path,
    chosen: Sequence[str] | None = None,
    jobs: Count | None = None,
    vary: Sequence[str] = (),
    dry_run: bool = False,
    build: Callable[[Sequence[str]], Any] | None = None,
) -> dict[str, Any]:
    """Make the papers' experiments at a scale, and write ``report.md`` with its pictures.

    Started again in the same folder it goes on where it was stopped.

    Args:
        plan: Scales and rows; see conf/task/ablations.yaml.
        scale: Which scale.
        folder: The run folder; runs go to ``runs`` in it.
        chosen: Letters of rows; None is all.
        jobs: Runs side by side; by default one on each GPU, or 2 without any.
        vary: Further overrides of every run.
        dry_run: Print what each run costs, and make none.
        build: Makes the `costs.Trial` of a run's overrides, for that.

    Returns:
        Metrics for the summary.

    Raises:
        UserError: An unknown scale or row; or no run has finished, so that there is no report.
    """
    read = read_plan(plan, scale, chosen, vary, folder / "runs")
    everything = read.jobs()
    at_once = jobs or len(gpus()) or _WITHOUT_GPU
    if dry_run and build is not None:
        from impasto.tasks.ablations.costs import tabulate  # loads what the runs learn by

        print(tabulate(everything, build, at_once))
        return {"runs": len(everything)}
    failed = run_all(everything, at_once)
    report = write_ablations(folder, read)
    print(f"report: {report}")
    return {"runs": len(everything), "failed": len(failed)}
