"""Conversions of a stroke kind's numbers: to records, other frames, and movements."""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.strokes.geometry import Trace
from impasto.strokes.raster.frame import unit


class Recorded:
    """Units of a stroke kind's numbers, in its vector and in a record.

    Attributes:
        turn: By which angle, in radians, a shape can be turned to look the same again: what an
            angle of 1 in the vector stands for.
        relative: Parameters that are called x or y and are no places of their own.
        optional: Those that only some strokes of the kind have, behind all others.
        levels: For each parameter how many values it can have, evenly from 0 to 1; 0 is any value.
            Empty is any value for all of them.
    """

    name: ClassVar[str]
    parameters: tuple[str, ...]
    optional: ClassVar[tuple[str, ...]] = ()
    levels: tuple[int, ...] = ()
    turn: ClassVar[float] = 2 * math.pi
    relative: ClassVar[tuple[str, ...]] = ()

    def to_record(self, shape: Tensor) -> dict[str, float]:
        """Convert a shape (S,) to the form of `strokes.json`: absolute points, numbers in units.

        Radii and lengths become fractions of the picture's shorter side, angles radians (`unit`);
        everything else stays as it is, unless a kind's vector is relative and it overrides this.
        """
        record = {}
        for name, value in zip(self.parameters, shape.double().tolist(), strict=True):
            offset, scale = unit(name, self.turn)
            record[name] = offset + scale * value
        return record

    def from_record(self, record: Mapping[str, float]) -> Tensor:
        """Convert a record to its shape vector (S,), float32: the inverse of `to_record`.

        Raises:
            UserError: A parameter is missing, unknown or not a number.
        """
        if set(record) != set(self.parameters):
            raise UserError(
                f"a {self.name} stroke has the shape parameters {sorted(record)}",
                f"give {', '.join(self.parameters)}",
            )
        values = []
        try:
            for name in self.parameters:
                offset, scale = unit(name, self.turn)
                values.append((float(record[name]) - offset) / scale)
        except (TypeError, ValueError) as error:
            raise UserError(
                f"a {self.name} stroke holds what is not a number", "mend it"
            ) from error
        if not all(math.isfinite(value) for value in values):
            raise UserError(f"a {self.name} stroke holds a number that is not finite", "mend it")
        return torch.tensor(values, dtype=torch.float32)

    def from_region(
        self, shape: Tensor, start: Tensor, sides: Tensor, scale: float | Tensor
    ) -> Tensor:
        """Convert shapes of a region of a picture to shapes of the picture.

        Args:
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
        for column, name in enumerate(self.parameters):
            offset, reach = unit(name, self.turn)
            if offset:  # a length
                result[:, column] = ((offset + reach * shape[:, column]) * scale - offset) / reach
            elif name.startswith(("x", "y")) and name not in self.relative:
                axis = 0 if name.startswith("x") else 1
                result[:, column] = start[:, axis] + sides[:, axis] * shape[:, column]
        return result

    def trace(self, shape: Tensor) -> Trace:
        """Convert shapes (N, S) to movements along a curve.

        Raises:
            UserError: Strokes of the kind go nowhere.
        """
        raise UserError(
            f"a {self.name} stroke goes nowhere",
            "choose a kind whose strokes go along a curve, such as `Bezier`",
        )

    def from_trace(self, trace: Trace) -> Tensor:
        """Convert movements along a curve to the nearest shapes (N, S) of this kind.

        Not clamped: what is out of [0, 1] there, no action stands for.

        Raises:
            UserError: The kind doesn't say how.
        """
        raise UserError(
            f"no {self.name} stroke can be made of one of another kind",
            "choose `MyPaint`, or one that the strokes are of",
        )
