"""One figure of several runs by update, in one picture: ``task=curves``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

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
    drawn: dict[str, pd.Series] = {}
    for variant in group_runs([read_run(run) for run in find_runs(runs)]):
        for run in variant.runs:
            label = (
                variant.label
                if len(variant.runs) == 1
                else f"{variant.label} in {shown(run.folder)}"
            )
            drawn[label] = _curve(run, column, share_of)
    table = pd.DataFrame(drawn).sort_index()  # NaN where a run has no value
    lines = {label: table[label].tolist() for label in drawn}
    y_label = f"{column} / {share_of}" if share_of else column
    save_curves(
        folder / "curves.png", table.index.tolist(), lines, "updates", y_label, log=True, log_x=True
    )
    for label, curve in drawn.items():
        last = curve.index.max()
        print(f"{label}: {curve[last]:.4g} after {last:.0f} updates")
    print(f"picture: {folder / 'curves.png'}")
    return {"runs": len(drawn)}


def _curve(run: Run, column: str, share_of: str | None) -> pd.Series:
    """The column's values by update; of one that a resumed run made twice, the later one.

    Raises:
        UserError: The run has none.
    """
    columns = ["update", column, *([share_of] if share_of else [])]
    path = run.folder / "metrics.csv"
    table = read_table(path, columns).drop_duplicates("update", keep="last").set_index("update")
    table = table[table.index > 0]
    if table.empty:
        todo = "name columns that it has, or leave the run out"
        raise UserError(f"{path} has no row with {' and '.join(columns)}", todo)
    return table[column] / table[share_of] if share_of else table[column]
