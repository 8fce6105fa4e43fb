"""Curves of a comparison: L2 by update, by second and by stroke, a colour per variant."""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.persistence.atomic import atomic_write
from impasto.tasks.runs.comparison.statistics import CurvePoint, learning_curve
from impasto.tasks.runs.comparison.table import Comparison, Row

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
_LONG = 60  # letters of a label, of which two go no longer side by side
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
    for name, caption, x_label, y_label, draw in _PLOTS:
        path = folder / name
        if _save(path, comparison.rows, x_label, y_label, draw):
            drawn.append((name, caption))
        else:
            path.unlink(missing_ok=True)  # of a report that was here before
    return drawn


def _by_update(axes: "Axes", row: Row) -> bool:
    return _draw_learning(axes, row, lambda point: float(point.update))


def _by_second(axes: "Axes", row: Row) -> bool:
    return _draw_learning(axes, row, lambda point: point.seconds)


def _by_stroke(axes: "Axes", row: Row) -> bool:
    curves = [run.l2_by_stroke for run in row.variant.finished if run.l2_by_stroke]
    if not curves:
        return False
    columns = list(zip(*curves, strict=False))  # of the shortest, should their lengths differ
    _draw(
        axes,
        row,
        list(range(len(columns))),
        [statistics.fmean(column) for column in columns],
        [min(column) for column in columns],
        [max(column) for column in columns],
    )
    return True


_BAND = "the line is the mean over seeds, the band reaches from the best seed to the worst"
_PLOTS: tuple[tuple[str, str, str, str, Callable[["Axes", Row], bool]], ...] = (
    (
        "l2_by_update.png",
        f"Validation L2 by update; {_BAND}, the diamond is the test L2 at the end.",
        "updates",
        "validation L2",
        _by_update,
    ),
    (
        "l2_by_second.png",
        f"Validation L2 by second of training; {_BAND}, the diamond is the test L2 at the end.",
        "seconds",
        "validation L2",
        _by_second,
    ),
    ("l2_by_stroke.png", f"Test L2 by stroke; {_BAND}.", "strokes", "test L2", _by_stroke),
)


def _draw_learning(axes: "Axes", row: Row, x: Callable[[CurvePoint], float]) -> bool:
    curve = learning_curve([run.validations for run in row.variant.finished])
    if not curve:
        return False
    places = [x(point) for point in curve]
    _draw(
        axes,
        row,
        places,
        [point.mean for point in curve],
        [point.low for point in curve],
        [point.high for point in curve],
    )
    if row.l2.mean is not None:
        axes.plot(
            places[-1],
            row.l2.mean,
            marker="D",
            markersize=7,
            markerfacecolor="none",
            color=color(row),
        )
    return True


def _draw(
    axes: "Axes",
    row: Row,
    x: Sequence[float],
    mean: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
) -> None:
    axes.plot(
        x,
        mean,
        label=row.variant.label.replace("$", r"\$"),
        color=color(row),
        linestyle=_DASHES[row.number // len(_COLORS) % len(_DASHES)],
        marker="." if len(x) <= _MOST_MARKED else "",
    )
    axes.fill_between(x, low, high, color=color(row), alpha=0.18, linewidth=0)


def _save(
    path: Path, rows: Sequence[Row], x_label: str, y_label: str, draw: Callable[["Axes", Row], bool]
) -> bool:
    """Draw every row that can be drawn; return False, and write no file, if there is none."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    drawn = [draw(axes, row) for row in rows]
    if not any(drawn):
        return False
    axes.set(xlabel=x_label, ylabel=y_label, yscale="log")
    axes.grid(alpha=0.3, which="both")
    labels = [row.variant.label for row in rows]
    columns = 2 if sum(drawn) > 5 and max(map(len, labels)) < _LONG else 1
    figure.legend(loc="outside lower left", ncols=columns, fontsize="small")
    FigureCanvasAgg(figure)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    return True
