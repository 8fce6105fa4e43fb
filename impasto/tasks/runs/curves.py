"""One figure of several runs by update, in one picture: ``task=curves``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from impasto.errors import UserError
from impasto.io.figures import save_curves
from impasto.tasks.runs.comparison.runs import Run, find_runs, read_run, read_table
from impasto.tasks.runs.comparison.variants import group_runs
from impasto.tasks.runs.run_folder import shown


def curves(
    runs: str | Sequence[str], folder: Path, column: str, share_of: str | None = None
) -> dict[str, Any]:
    """Draw a column of the runs' metrics.csv against updates, both logarithmic, as curves.png.

    Each run is a curve, called by what tells its config from the others'.

    Args:
        runs: Run folders, folders of runs such as a sweep's, or globs.
        folder: Where the picture goes.
        column: The column.
        share_of: A column to divide it by, row by row; None draws it as it is.

    Returns:
        How many runs are in it.

    Raises:
        UserError: A folder holds no run, or one without such a column.
    """
    drawn: dict[str, dict[float, float]] = {}
    for variant in group_runs([read_run(run) for run in find_runs(runs)]):
        for run in variant.runs:
            label = (
                variant.label
                if len(variant.runs) == 1
                else f"{variant.label} in {shown(run.folder)}"
            )
            drawn[label] = _curve(run, column, share_of)
    places = sorted({update for curve in drawn.values() for update in curve})
    nan = float("nan")
    lines = {label: [curve.get(at, nan) for at in places] for label, curve in drawn.items()}
    y_label = f"{column} / {share_of}" if share_of else column
    save_curves(folder / "curves.png", places, lines, "updates", y_label, log=True, log_x=True)
    for label, curve in drawn.items():
        last = max(curve)
        print(f"{label}: {curve[last]:.4g} after {last:.0f} updates")
    print(f"picture: {folder / 'curves.png'}")
    return {"runs": len(drawn)}


def _curve(run: Run, column: str, share_of: str | None) -> dict[float, float]:
    """The column's values by update.

    Raises:
        UserError: The run has none.
    """
    columns = ["update", column, *([share_of] if share_of else [])]
    path = run.folder / "metrics.csv"
    curve = {
        row["update"]: row[column] / (row[share_of] if share_of else 1)
        for row in read_table(path, columns)
        if row["update"] > 0
    }
    if not curve:
        todo = "name columns that it has, or leave the run out"
        raise UserError(f"{path} has no row with {' and '.join(columns)}", todo)
    return curve
