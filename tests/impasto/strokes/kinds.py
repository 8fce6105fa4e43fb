"""Every stroke kind of the package, one of each: a new one is found here by all tests.

But for what a program draws that need not be installed, and without a gradient: MyPaint.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.strokes import Stroke
from impasto.strokes.base import loaded_kinds
from impasto.strokes.brush_image import embedded
from impasto.strokes.conversion import columns
from impasto.strokes.raster.frame import Windows


def bristles(height: int = 24, width: int = 40) -> NDArray[np.uint8]:
    """A dab of bristles, the same seen in a mirror: an ellipse with streaks along x."""
    y, x = np.mgrid[0.5:height, 0.5:width]
    y, x = 2 * y / height - 1, 2 * x / width - 1
    dab = np.clip(4 * (0.95 - np.hypot(x, y)), 0, 1)
    return np.rint(255 * dab * (0.75 + 0.25 * np.cos(9 * y))).astype(np.uint8)


# Constructor arguments of kinds that can't do without, or are tested best with others.
ARGUMENTS: dict[str, dict[str, object]] = {
    "pixel": {"grid": 4},
    "brush": {"image": embedded(bristles())},
}


def every_kind(**limits: object) -> Iterator[Stroke]:
    for kind in loaded_kinds():
        if kind.__module__.startswith("impasto.") and kind.differentiable:
            yield kind(**ARGUMENTS.get(kind.name, {}), **limits)  # type: ignore[arg-type]


KINDS = sorted(every_kind(), key=lambda kind: kind.name)


def names(kind: Stroke, *starts: str) -> list[str]:
    """The kind's parameters whose names start so."""
    return [name for name in kind.parameters if name.startswith(starts)]


def rasterize_windows(
    stroke: Stroke,
    shape: Tensor,
    height: int,
    width: int,
    corner: Tensor,
    rows: int,
    columns: int,
    owner: Tensor | None = None,
) -> Tensor:
    """Alpha (R, 1, rows, columns) of windows of a canvas: window r shows the shape owner[r]."""
    windows = Windows(rows, columns, owner, corner)
    return stroke.outlines(shape, height, width).draw(windows).unsqueeze(1)


def bounds(stroke: Stroke, shape: Tensor, height: int, width: int) -> Tensor:
    """Boxes (N, 4) outside of which nothing is painted."""
    return stroke.outlines(shape.detach(), height, width).bounds()


def hard_shapes(stroke: Stroke, count: int = 6) -> Tensor:
    """Random strokes of a pen, of the first four each with a difficulty of its own."""
    shape = stroke.sample(count, torch.Generator().manual_seed(0))
    shape[0, 2:4] = shape[0, 0:2]  # the pen stands, or nearly so
    radii, opacities = (columns(stroke, [f"{n}0", f"{n}1"]) for n in ("radius", "opacity"))
    shape[1, radii] *= -0.015  # thinner than a pixel
    shape[2, radii] = torch.tensor([1.0, 0.0])  # the first disc holds all the others
    shape[3, opacities] = 0.7  # of few segments
    return shape
