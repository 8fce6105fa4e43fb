"""Figures: sheets of targets above paintings, and curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.canvas import to_uint8
from impasto.io.images import write_png
from impasto.persistence.atomic import atomic_write

_GAP = 2
_WHITE = 255
_FOR_LOG = 6.0  # factor between positions from which a logarithmic axis has ticks enough


def contact_sheet(*rows: Tensor, columns: int = 12, scale: int = 1) -> np.ndarray:
    """Compose rows of pictures above each other, in as many bands as the columns need.

    Args:
        rows: Each (B, 3, H, W) in [0, 1]: targets, paintings, …
        columns: Pictures side by side.
        scale: Each pixel becomes a square of so many.

    Returns:
        (height, width, 3) uint8.
    """
    bands = []
    for start in range(0, rows[0].shape[0], columns):
        for row in rows:
            pictures = to_uint8(row[start : start + columns].cpu())
            pictures = pictures.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
            framed = torch.nn.functional.pad(pictures, (0, _GAP, 0, _GAP), value=_WHITE)
            missing = columns - len(framed)
            if missing and rows[0].shape[0] > columns:
                blank = torch.full((missing, *framed.shape[1:]), _WHITE, dtype=torch.uint8)
                framed = torch.cat([framed, blank])
            bands.append(torch.cat(list(framed), dim=2))
        bands[-1] = torch.nn.functional.pad(bands[-1], (0, 0, 0, 2 * _GAP), value=_WHITE)
    return torch.cat(bands, dim=1).permute(1, 2, 0).numpy()


def save_sheet(path: Path, *rows: Tensor, columns: int = 12) -> None:
    """Write a contact sheet as PNG, small pictures enlarged."""
    scale = _enlargement(rows[0].shape[-1])
    write_png(path, contact_sheet(*rows, columns=columns, scale=scale))


def framed(picture: Tensor, size: int) -> Tensor:
    """Fit a picture (3, H, W) of any aspect into a white square, (3, size, size)."""
    share = size / max(picture.shape[1:])
    height, width = (max(1, round(side * share)) for side in picture.shape[1:])
    small = torch.nn.functional.interpolate(picture[None], (height, width), mode="area")[0]
    left, top = (size - width) // 2, (size - height) // 2
    sides = (left, size - width - left, top, size - height - top)
    return torch.nn.functional.pad(small, sides, value=1.0)


def cut_sheet(
    sheet: NDArray[np.uint8], size: int, rows: int = 2, columns: int = 12
) -> list[NDArray[np.uint8]]:
    """Take the first pictures of every row out of what `save_sheet` wrote.

    Args:
        sheet: (height, width, 3), the whole sheet.
        size: Pixels on a side of each picture, which were square.
        rows: How many rows of pictures were given.
        columns: As it was given.

    Returns:
        For each row (N, size, size, 3), the first N <= columns of its pictures.

    Raises:
        ValueError: The sheet is not of these sizes.
    """
    scale = _enlargement(size)
    tile = size * scale + _GAP
    height, width = sheet.shape[:2]
    count, beside = divmod(width, tile)
    bands, below = divmod(height, rows * tile + 2 * _GAP)
    if beside or below or not bands or not 0 < count <= columns:
        raise ValueError(f"no sheet of {rows} rows of pictures of {size} px: {width} x {height}")
    tiles = sheet[: rows * tile].reshape(rows, tile, count, tile, 3).swapaxes(1, 2)
    large = tiles[:, :, : size * scale, : size * scale]  # (rows, count, size * scale, …, 3)
    small = large[:, :, ::scale, ::scale]
    if not np.array_equal(small.repeat(scale, axis=2).repeat(scale, axis=3), large):
        raise ValueError(f"no sheet of pictures of {size} px: they are of another size")
    return list(small)


def _enlargement(size: int) -> int:
    """Return the side of the square that each pixel of a small picture becomes on a sheet."""
    return max(1, 96 // size)


def save_curves(
    path: Path,
    x: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    x_label: str,
    y_label: str,
    log: bool = False,
    log_x: bool = False,
) -> None:
    """Draw curves over a common x as PNG.

    Args:
        path: The file.
        x: Positions.
        curves: Values by name, as long as `x`; NaN where not measured.
        x_label: Under the axis.
        y_label: Beside the axis.
        log: Logarithmic values.
        log_x: Logarithmic positions, all above 0.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for name, values in curves.items():
        known = [(a, b) for a, b in zip(x, values, strict=True) if b == b]
        if known:
            axes.plot(*zip(*known, strict=True), label=name, marker="." if len(known) < 60 else "")
    scales = {"xscale": "log" if log_x else "linear", "yscale": "log" if log else "linear"}
    axes.set(xlabel=x_label, ylabel=y_label, **scales)
    axes.grid(alpha=0.3)
    if len(curves) > 1:
        axes.legend()
    FigureCanvasAgg(figure)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


@dataclass(frozen=True)
class Panel:
    """One of several drawings of curves side by side.

    Attributes:
        x_label: Under the axis.
        y_label: Beside the axis.
        curves: Positions and values by name; a name has one colour in all panels.
        log_x: Logarithmic positions where they span enough; all are above 0.
    """

    x_label: str
    y_label: str
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    log_x: bool = True

    @property
    def spread(self) -> float:
        """Return the ratio of the largest position to the smallest."""
        positions = [position for x, _ in self.curves.values() for position in x]
        return max(positions) / min(positions)


def save_panels(path: Path, panels: Sequence[Panel]) -> None:
    """Draw panels side by side as PNG, with one legend."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    names = list(dict.fromkeys(name for panel in panels for name in panel.curves))
    figure = Figure(figsize=(4.6 * len(panels), 3.6), layout="constrained")
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, axes in zip(panels, row, strict=True):
        for name, (x, y) in panel.curves.items():
            axes.plot(x, y, label=name, color=f"C{names.index(name)}", marker=".")
        axes.set(xlabel=panel.x_label, ylabel=panel.y_label)
        if panel.log_x and panel.spread > _FOR_LOG:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.3)
    if len(names) > 1:
        row[0].legend()
    FigureCanvasAgg(figure)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
