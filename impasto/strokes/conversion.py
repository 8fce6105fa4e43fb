"""Conversions of a stroke kind's numbers: to records, other frames, and their range."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.strokes.base import Stroke
from impasto.strokes.geometry import Trace
from impasto.strokes.levels import to_levels
from impasto.strokes.raster.frame import unit

_NARROWEST = 1e-6  # canvas sides that the ends of a record are apart, if what is between is farther


def to_record(stroke: Stroke, shape: Tensor) -> dict[str, float]:
    """Convert a shape (S,) to the form of `strokes.json`: absolute points, numbers in units.

    Radii and lengths become fractions of the picture's shorter side, angles radians (`unit`);
    everything else stays as it is drawn.
    """
    record = {}
    values = to_levels(shape, stroke.levels).double().tolist()
    for name, value in zip(stroke.parameters, values, strict=True):
        offset, scale = unit(name, stroke.turn)
        record[name] = offset + scale * value
    for name, (first, last) in stroke.relative.items():
        record[name] = record[first] + (record[last] - record[first]) * record[name]
    return record


def from_record(stroke: Stroke, record: Mapping[str, float]) -> Tensor:
    """Convert a record to its shape vector (S,), float32: the inverse of `to_record`.

    A point outside the box that it is relative to is kept.

    Raises:
        UserError: A parameter is missing, unknown or not a number.
    """
    if set(record) != set(stroke.parameters):
        raise UserError(
            f"a {stroke.name} stroke has the shape parameters {sorted(record)}",
            f"give {', '.join(stroke.parameters)}",
        )
    values = []
    try:
        for name in stroke.parameters:
            offset, scale = unit(name, stroke.turn)
            values.append((float(record[name]) - offset) / scale)
    except (TypeError, ValueError) as error:
        what = f"a {stroke.name} stroke holds what is not a number"
        raise UserError(what, "mend it") from error
    if not all(math.isfinite(value) for value in values):
        raise UserError(f"a {stroke.name} stroke holds a number that is not finite", "mend it")
    shape = torch.tensor(values, dtype=torch.float32)
    for name, ends in stroke.relative.items():
        column, first, last = columns(stroke, (name, *ends))
        start, end = float(shape[first]), float(shape[last])  # as they will be drawn
        away = float(record[name]) - start
        if abs(end - start) < min(_NARROWEST, abs(away)):  # too narrow to be relative to
            shape[last] = start + _NARROWEST
            end = float(shape[last])
        shape[column] = away / (end - start) if away else 0.0
    return shape


@runtime_checkable
class AlongCurve(Protocol):
    """Kind whose strokes go along a curve."""

    def trace(self, shape: Tensor) -> Trace:
        """Convert shapes (N, S) to movements along a curve."""


@runtime_checkable
class FollowsCurve(Protocol):
    """Kind whose strokes can be made to go along a curve."""

    def from_trace(self, trace: Trace) -> Tensor:
        """Convert movements along a curve to the nearest shapes (N, S) of this kind.

        Not clamped: what is out of [0, 1] there, no action stands for.
        """


def trace(stroke: Stroke, shape: Tensor) -> Trace:
    """Convert shapes (N, S) to movements along a curve.

    Raises:
        UserError: Strokes of the kind go nowhere.
    """
    if not isinstance(stroke, AlongCurve):
        raise UserError(
            f"a {stroke.name} stroke goes nowhere",
            "choose a kind whose strokes go along a curve, such as `Bezier`",
        )
    return stroke.trace(shape)


def retrace(stroke: Stroke, movement: Trace) -> Tensor:
    """Convert movements along a curve to the nearest shapes (N, S) of a kind, not clamped.

    Raises:
        UserError: The kind doesn't say how.
    """
    if not isinstance(stroke, FollowsCurve):
        raise UserError(
            f"no {stroke.name} stroke can be made of one of another kind",
            "choose `MyPaint`, or one that the strokes are of",
        )
    return stroke.from_trace(movement)


def from_region(
    stroke: Stroke, shape: Tensor, start: Tensor, sides: Tensor, scale: float | Tensor
) -> Tensor:
    """Convert shapes of a region of a picture to shapes of the picture.

    Args:
        stroke: Their kind.
        shape: (N, S), their coordinates fractions of the region.
        start: (2,) or (N, 2), x and y of the region's upper left corner, as fractions of the
            picture's width and height.
        sides: The same of its width and height.
        scale: Its shorter side as a fraction of the picture's; a number, or (N,).

    Returns:
        (N, S): the same strokes. A radius may be below 0 there, which stands for one that is
        smaller than a stroke of the picture's can be by itself; it is drawn as it should be.
    """
    start, sides = start.expand(len(shape), 2), sides.expand(len(shape), 2)
    result = shape.clone()
    for column, name in enumerate(stroke.parameters):
        offset, reach = unit(name, stroke.turn)
        if offset:  # a length
            result[:, column] = ((offset + reach * shape[:, column]) * scale - offset) / reach
        elif name.startswith(("x", "y")) and name not in stroke.relative:
            axis = 0 if name.startswith("x") else 1
            result[:, column] = start[:, axis] + sides[:, axis] * shape[:, column]
    return result


def into_range(stroke: Stroke, strokes: Tensor, thinnest: float | None = None) -> Tensor:
    """Bring strokes (N, D) or shapes (N, S) into [0, 1]: angles wrap, all else is clamped.

    Args:
        stroke: Their kind.
        strokes: Any numbers.
        thinnest: Least radius, in shorter sides of the canvas, where it is less than that of 0 in
            the vector; widths, heights and sizes are twice as large at least.
    """
    wrapped = strokes.clamp(0, 1)
    for column, name in enumerate(stroke.parameters):
        offset, reach = unit(name)
        if name.startswith("angle"):
            wrapped[:, column] = strokes[:, column] % 1
        elif thinnest is not None and offset:
            share = (1 if name.startswith("radius") else 2) * thinnest
            least = min(0.0, (share - offset) / reach)
            wrapped[:, column] = strokes[:, column].clamp(least, 1)
    return wrapped


def columns(stroke: Stroke, names: Sequence[str]) -> list[int]:
    """Return the columns of parameters in the vector."""
    return [stroke.parameters.index(name) for name in names]
