"""Curves of a comparison: L2 by update, by second and by stroke, a colour per variant."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from impasto.persistence.atomic import atomic_write
from impasto.tasks.runs.comparison.statistics import learning_curve, over_seeds
from impasto.tasks.runs.comparison.table import Comparison, Row
from impasto.tasks.runs.comparison.variants import LONG

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLORS = (
    "#1f77b4",
    "#ff7f0e",
    "#2ca02c",
    "#d62728",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#7f7f7f",
    "#bcbd22",
    "#17becf",
)
_DASHES = ("-", "--", ":", "-.")
_MOST_MARKED = 40  # a curve of more points needs no mark on each


def color(row: Row) -> str:
    """The variant's colour as #rrggbb; the eleventh variant has the first one's, dashed."""
    return _COLORS[row.number % len(_COLORS)]


def save_all_curves(folder: Path, comparison: Comparison) -> list[tuple[str, str]]:
    """Draw what there is to draw, as PNG files.

    Returns:
        Name of the file and what it shows, for each.
    """
    drawn = []
    for name, caption, x_label, y_label, curve in _PLOTS:
        path = folder / name
        if _save(path, comparison.rows, x_label, y_label, curve):
            drawn.append((name, caption))
        else:
            path.unlink(missing_ok=True)  # of a report that was here before
    return drawn


def _by_update(row: Row) -> pd.DataFrame:
    return learning_curve([run.validations for run in row.variant.finished])


def _by_second(row: Row) -> pd.DataFrame:
    return _by_update(row).set_index("seconds")


def _by_stroke(row: Row) -> pd.DataFrame:
    return over_seeds(run.l2_by_stroke for run in row.variant.finished)


_BAND = "the line is the mean over seeds, the band reaches from the best seed to the worst"
_VALIDATION, _TEST = "validation L2", "test L2"
_PLOTS: tuple[tuple[str, str, str, str, Callable[[Row], pd.DataFrame]], ...] = (
    (
        "l2_by_update.png",
        f"Validation L2 by update; {_BAND}, the diamond is the test L2 at the end.",
        "updates",
        _VALIDATION,
        _by_update,
    ),
    (
        "l2_by_second.png",
        f"Validation L2 by second of training; {_BAND}, the diamond is the test L2 at the end.",
        "seconds",
        _VALIDATION,
        _by_second,
    ),
    ("l2_by_stroke.png", f"Test L2 by stroke; {_BAND}.", "strokes", _TEST, _by_stroke),
)


def _draw(axes: "Axes", row: Row, curve: pd.DataFrame) -> None:
    axes.plot(
        curve.index,
        curve["mean"],
        label=row.variant.label.replace("$", r"\$"),
        color=color(row),
        linestyle=_DASHES[row.number // len(_COLORS) % len(_DASHES)],
        marker="." if len(curve) <= _MOST_MARKED else "",
    )
    axes.fill_between(
        curve.index, curve["low"], curve["high"], color=color(row), alpha=0.18, linewidth=0
    )


def _save(
    path: Path,
    rows: Sequence[Row],
    x_label: str,
    y_label: str,
    curve_of: Callable[[Row], pd.DataFrame],
) -> bool:
    """Draw every row that has a curve; return False, and write no file, if there is none."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    curves = {row: curve for row in rows if len(curve := curve_of(row))}
    if not curves:
        return False
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for row, curve in curves.items():
        _draw(axes, row, curve)
        if y_label == _VALIDATION:
            axes.plot(
                curve.index[-1],
                row.l2,
                marker="D",
                markersize=7,
                markerfacecolor="none",
                color=color(row),
            )
    axes.set(xlabel=x_label, ylabel=y_label, yscale="log")
    axes.grid(alpha=0.3, which="both")
    labels = [row.variant.label for row in rows]
    columns = 2 if len(curves) > 5 and max(map(len, labels)) < LONG else 1  # side by side
    figure.legend(loc="outside lower left", ncols=columns, fontsize="small")
    FigureCanvasAgg(figure)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    return True
