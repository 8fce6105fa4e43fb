"""The interface of a stroke kind."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from painting.errors import UserError

COLOR_DIM = 3

# Algorithm 1 of SARA at its n = 128: a radius r in [0, 1] is 1 + 64 r pixels of a 256 px layer.
_RADIUS_LEAST = 1 / 256
_RADIUS_RANGE = 64 / 256


@dataclass(frozen=True)
class Frame:
    """The pixels to draw: a whole canvas, or one window of it per stroke.

    Attributes:
        height: Rows of the canvas.
        width: Columns of the canvas.
        rows: Rows drawn.
        columns: Columns drawn.
        corner: (N, 2), x and y of each stroke's window, in pixels; None draws the whole canvas.
    """

    height: int
    width: int
    rows: int
    columns: int
    corner: Tensor | None = None

    def pixels(self, point: Tensor) -> Tensor:
        """Points (N, ..., 2) in fractions of width and height, as pixels from the corner."""
        pixel = point * point.new_tensor([self.width, self.height])
        if self.corner is None:
            return pixel
        corner = self.corner.to(pixel)
        return pixel - corner.view(-1, *[1] * (point.ndim - 2), 2)

    def radius(self, radius: Tensor) -> Tensor:
        """Radii in [0, 1] as pixels."""
        return radius_pixels(radius, self.height, self.width)


class Stroke(ABC):
    """One kind of stroke: what its parameters are called, and the exact drawing of its shape.

    A *shape* is a vector (S,) in [0, 1], one number per name in `parameters`; a *stroke* is a shape
    and an RGB colour, (S + 3,). Coordinates are fractions of the canvas's width and height, radii
    map to fractions of its shorter side by `radius_fraction`: a stroke is the same at every size.

    A new kind subclasses this, sets `name` and `parameters`, and draws.
    """

    name: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]

    @property
    def shape_dim(self) -> int:
        """Numbers in a shape, S."""
        return len(self.parameters)

    @property
    def dim(self) -> int:
        """Numbers in a stroke, D = S + 3."""
        return self.shape_dim + COLOR_DIM

    def config(self) -> dict[str, Any]:
        """Constructor arguments; a kind that has some overrides this."""
        return {}

    def sample(
        self, count: int, generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:  # fmt: skip
        """Random shapes, uniform in [0, 1] as in SARA section 4.2.

        Args:
            count: How many, N.
            generator: Source of randomness, on `device`; the global one by default.
            device: Where the result lies.

        Returns:
            (N, S) float32 in [0, 1].
        """
        return torch.rand(count, self.shape_dim, generator=generator, device=device)

    def place(
        self, center: Tensor, scale: float, generator: torch.Generator | None = None
    ) -> Tensor:
        """Random shapes of full paint, of about one size, around given places.

        A parameter whose name starts with x or y is a coordinate here; a kind in whose vector one
        is something else overrides this.

        Args:
            center: (N, 2), x and y as fractions of width and height.
            scale: Half the stroke's width, roughly, as a fraction of the shorter side.
            generator: Source of randomness, on `center`'s device.

        Returns:
            (N, S) in [0, 1].
        """
        shape = self.sample(len(center), generator, center.device)
        points = sum(name.startswith("x") for name in self.parameters)
        spread = scale * (0.5 if points == 1 else 2.0)
        for column, name in enumerate(self.parameters):
            random = shape[:, column]
            if name.startswith(("x", "y")):
                middle = center[:, 0 if name.startswith("x") else 1]
                shape[:, column] = middle + spread * (2 * random - 1)
            elif name.startswith("radius"):
                radius = scale * (0.4 + 0.8 * random)
                shape[:, column] = (radius - _RADIUS_LEAST) / _RADIUS_RANGE
            elif name.startswith("opacity"):
                shape[:, column] = 1
        return shape.clamp(0, 1)

    def rasterize(self, shape: Tensor, height: int, width: int) -> Tensor:
        """Draw shapes exactly: antialiased at this size, differentiable in every parameter.

        Args:
            shape: (N, S) in [0, 1], any floating dtype, any device.
            height: Rows H.
            width: Columns W.

        Returns:
            Alpha (N, 1, H, W) in [0, 1]; 1 is full paint.

        Raises:
            ValueError: `shape` has not S columns.
        """
        self._check(shape)
        return self._draw(shape, Frame(height, width, height, width)).unsqueeze(1)

    def rasterize_window(
        self, shape: Tensor, height: int, width: int, corner: Tensor, rows: int, columns: int
    ) -> Tensor:
        """Draw the same as `rasterize`, but of each shape only a window of the canvas.

        Args:
            shape: (N, S) in [0, 1].
            height: Rows H of the canvas.
            width: Columns W of the canvas.
            corner: (N, 2), x and y of the windows' upper left corners, whole pixels.
            rows: Rows of every window.
            columns: Columns of every window.

        Returns:
            Alpha (N, 1, rows, columns).
        """
        self._check(shape)
        return self._draw(shape, Frame(height, width, rows, columns, corner)).unsqueeze(1)

    def bounds(self, shape: Tensor, height: int, width: int) -> Tensor:
        """Boxes outside of which nothing is painted.

        Args:
            shape: (N, S) in [0, 1].
            height: Rows H.
            width: Columns W.

        Returns:
            (N, 4) int64: left, top, and one past right and bottom, in pixels, inside the canvas and
            at least one pixel wide and high.
        """
        self._check(shape)
        low, high = self._extent(shape.detach(), Frame(height, width, height, width))
        canvas = low.new_tensor([width, height])
        start = torch.minimum((low - 0.5).floor().clamp_min(0), canvas - 1)
        end = torch.maximum(torch.minimum((high + 0.5).ceil(), canvas), start + 1)
        return torch.cat([start, end], dim=1).long()

    def _check(self, shape: Tensor) -> None:
        if shape.ndim != 2 or shape.shape[1] != self.shape_dim:
            raise ValueError(
                f"a {self.name} shape is (N, {self.shape_dim}), not {tuple(shape.shape)}"
            )

    @abstractmethod
    def _draw(self, shape: Tensor, frame: Frame) -> Tensor:
        """Draw shapes (N, S) as alpha (N, rows, columns) of the frame."""

    def _extent(self, shape: Tensor, frame: Frame) -> tuple[Tensor, Tensor]:
        """Corners (N, 2) of the boxes that the shapes (N, S) fill, in pixels, not yet antialiased.

        The whole canvas here: right for every kind, and fast for none.
        """
        high = shape.new_tensor([frame.width, frame.height]).expand(len(shape), 2)
        return torch.zeros_like(high), high

    def to_record(self, shape: Tensor) -> dict[str, float]:
        """One shape (S,) as it stands in `strokes.json`: absolute points, radii as fractions.

        Radii become fractions of the picture's shorter side; everything else stays as it is, unless
        a kind's vector is relative and it overrides this.
        """
        values = dict(zip(self.parameters, shape.double().tolist(), strict=True))
        return {
            key: _RADIUS_LEAST + _RADIUS_RANGE * value if key.startswith("radius") else value
            for key, value in values.items()
        }

    def from_record(self, record: Mapping[str, float]) -> Tensor:
        """The shape vector (S,), float32, of a record: the inverse of `to_record`.

        Raises:
            UserError: A parameter is missing, unknown or not a number.
        """
        if set(record) != set(self.parameters):
            raise UserError(
                f"a {self.name} stroke has the shape parameters {sorted(record)}",
                f"give {', '.join(self.parameters)}",
            )
        try:
            values = [
                (float(record[key]) - _RADIUS_LEAST) / _RADIUS_RANGE
                if key.startswith("radius")
                else float(record[key])
                for key in self.parameters
            ]
        except (TypeError, ValueError) as error:
            raise UserError(
                f"a {self.name} stroke holds what is not a number", "mend it"
            ) from error
        if not all(math.isfinite(value) for value in values):
            raise UserError(f"a {self.name} stroke holds a number that is not finite", "mend it")
        return torch.tensor(values, dtype=torch.float32)

    def columns(self, names: Sequence[str]) -> list[int]:
        """Where parameters stand in the vector."""
        return [self.parameters.index(name) for name in names]


def radius_pixels(radius: Tensor, height: int, width: int) -> Tensor:
    """Radii in [0, 1] as pixels: (1 + 64 r) / 256 of the shorter side (Algorithm 1 at n = 128)."""
    return (_RADIUS_LEAST + _RADIUS_RANGE * radius) * min(height, width)
