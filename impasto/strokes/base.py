"""Interface of a stroke kind."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from inspect import isabstract
from typing import Any, ClassVar

import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.strokes.geometry import Mark
from impasto.strokes.limits import Limited
from impasto.strokes.parameterization import Recorded
from impasto.strokes.raster.frame import Frame, Windows, unit
from impasto.strokes.raster.outlines import Outlines, PlainOutlines

__all__ = ["COLOR_DIM", "Frame", "Stroke", "loaded_kinds"]

COLOR_DIM = 3


class Stroke(Limited, Recorded, ABC):
    """One kind of stroke: what its parameters are called, and the exact drawing of its shape.

    A *shape* is a vector (S,) in [0, 1], one number per name in `parameters`; a *stroke* is a shape
    and an RGB colour, (S + 3,). Coordinates are fractions of the canvas's width and height, radii
    and lengths map to fractions of its shorter side, angles to radians clockwise from +x (`unit`):
    a stroke is the same at every size.

    A new kind subclasses this, sets `name` and `parameters`, and draws. Arguments are the limits.

    Attributes:
        name: What the kind is called in records.
        parameters: The names of a shape's numbers, in order.
        pace: How fast an optimizer should move coordinates, beside what is usual.
        differentiable: Whether what is drawn has a gradient; else a renderer can learn the kind.
        random: Whether it draws with random numbers: see `redrawn`.
        fingerprints: Keys of `geometry` whose values stand for what is in a file.
    """

    pace: ClassVar[float] = 1.0
    differentiable: ClassVar[bool] = True
    random: ClassVar[bool] = False
    fingerprints: ClassVar[tuple[str, ...]] = ()

    @property
    def shape_dim(self) -> int:
        """Numbers in a shape, S."""
        return len(self.parameters)

    @property
    def dim(self) -> int:
        """Numbers in a stroke, D = S + 3."""
        return self.shape_dim + COLOR_DIM

    def options(self) -> dict[str, Any]:
        """Return the constructor arguments that drawing depends on; a kind with some overrides it.

        Plain values: they stand in records and exports, so that these need no other file.
        """
        return {}

    def config(self) -> dict[str, Any]:
        """Return all constructor arguments that are not at their defaults."""
        return {**self.options(), **self.limits()}

    def geometry(self) -> dict[str, Any]:
        """Return what two strokes must agree on to be of one kind, by the names of checkpoints."""
        return {"stroke": self.name, **{f"stroke.{k}": v for k, v in self.config().items()}}

    def sample(
        self,
        count: int,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Draw random shapes, uniform in [0, 1] as in SARA section 4.2, within the limits.

        Args:
            count: How many, N.
            generator: Source of randomness, on `device`; the global one by default.
            device: Where the result lies.

        Returns:
            (N, S) float32 in [0, 1].
        """
        shape = torch.rand(count, self.shape_dim, generator=generator, device=device)
        return self.limit_shape(shape)

    def place(
        self,
        center: Tensor,
        scale: float,
        generator: torch.Generator | None = None,
        sides: tuple[float, float] = (1.0, 1.0),
    ) -> Tensor:
        """Draw random shapes of full paint, of about one size, around given places: before `limit`.

        A parameter whose name starts with x or y is a coordinate here; a kind in whose vector one
        is something else overrides this.

        Args:
            center: (N, 2), x and y as fractions of width and height.
            scale: Half the stroke's width, roughly, as a fraction of the shorter side.
            generator: Source of randomness, on `center`'s device.
            sides: Width and height of the canvas, in shorter sides.

        Returns:
            (N, S) in [0, 1].
        """
        shape = torch.rand(len(center), self.shape_dim, generator=generator, device=center.device)
        points = sum(name.startswith("x") for name in self.parameters)
        spread = scale * (0.5 if points == 1 else 2.0)
        for column, name in enumerate(self.parameters):
            random = shape[:, column]
            if name.startswith(("x", "y")):
                axis = 0 if name.startswith("x") else 1
                shape[:, column] = center[:, axis] + spread / sides[axis] * (2 * random - 1)
            elif name.startswith(("radius", "width", "height", "size")):
                full = 1 if name.startswith("radius") else 2
                least, reach = unit(name)
                size = (full * scale * (0.4 + 0.8 * random) - least) / reach
                shape[:, column] = size / self._scale[column]
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
            Alpha (N, 1, H, W) in [0, 1]; 1 is full paint. Of 16-bit shapes it is float32.

        Raises:
            ValueError: `shape` has not S columns.
        """
        return self.outlines(shape, height, width).draw(Windows(height, width)).unsqueeze(1)

    def rasterize_windows(
        self,
        shape: Tensor,
        height: int,
        width: int,
        corner: Tensor,
        rows: int,
        columns: int,
        owner: Tensor | None = None,
    ) -> Tensor:
        """Draw the same as `rasterize`, but only windows of the canvas.

        Args:
            shape: (N, S) in [0, 1].
            height: Rows H of the canvas.
            width: Columns W of the canvas.
            corner: (R, 2), x and y of the windows' upper left corners, whole pixels.
            rows: Rows of every window.
            columns: Columns of every window.
            owner: (R,) int64, which shape a window shows; by default each has one, R = N.

        Returns:
            Alpha (R, 1, rows, columns).
        """
        windows = Windows(rows, columns, owner, corner)
        return self.outlines(shape, height, width).draw(windows).unsqueeze(1)

    def redrawn(self, shape: Tensor, height: int, width: int) -> Tensor:
        """Draw as `rasterize` does, with other random numbers if the kind draws with some."""
        return self.rasterize(shape, height, width)

    def bounds(self, shape: Tensor, height: int, width: int) -> Tensor:
        """Return boxes outside of which nothing is painted: `Outlines.bounds`.

        Args:
            shape: (N, S) in [0, 1].
            height: Rows H.
            width: Columns W.

        Returns:
            (N, 4) int64: left, top, and one past right and bottom, in pixels, inside the canvas and
            at least one pixel wide and high.
        """
        return self.outlines(shape.detach(), height, width).bounds()

    def outlines(self, shape: Tensor, height: int, width: int) -> Outlines:
        """Return the outlines of shapes (N, S) on a canvas, to bound them and then draw them.

        A kind whose box and drawing begin with the same work overrides this.

        Raises:
            ValueError: `shape` has not S columns.
        """
        return PlainOutlines(self._checked(shape), height, width, self._draw, self._extent)

    def for_renderer(self, shape: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the shapes (N, S) that a renderer draws, and the share (N,) of paint that stays.

        None is all; else it is what no renderer has to learn.
        """
        return shape, None

    def watched(self, strokes: Tensor) -> dict[str, Tensor]:
        """Return metrics, scalars by name, of strokes (..., D) that an agent makes."""
        return {}

    def mark(self, shape: Tensor, height: int, width: int) -> Mark:
        """Convert a shape (S,) to plain geometry, for a picture of `height` rows, `width` columns.

        Only exports to other programs need it; what is drawn here, `rasterize` draws.

        Raises:
            UserError: The kind has no such geometry.
        """
        raise UserError(
            f"a {self.name} stroke has no geometry that other programs can draw",
            f"give {type(self).__name__} a method `mark`, or leave out this export",
        )

    def _checked(self, shape: Tensor) -> Tensor:
        """Check shapes (N, S), in 32 bits or more: 16 can't tell the pixels of a canvas apart."""
        if shape.ndim != 2 or shape.shape[1] != self.shape_dim:
            found = tuple(shape.shape)
            raise ValueError(f"a {self.name} shape is (N, {self.shape_dim}), not {found}")
        return shape.to(torch.promote_types(shape.dtype, torch.float32))

    @abstractmethod
    def _draw(self, shape: Tensor, frame: Frame) -> Tensor:
        """Draw shapes (N, S) as alpha (N, rows, columns) of the frame."""

    def _extent(self, shape: Tensor, frame: Frame) -> tuple[Tensor, Tensor]:
        """Return the corners (N, 2) of the boxes that shapes fill, in pixels, not yet antialiased.

        The whole canvas here: right for every kind, and fast for none.
        """
        high = shape.new_tensor([frame.width, frame.height]).expand(len(shape), 2)
        return torch.zeros_like(high), high

    def into_range(self, strokes: Tensor) -> Tensor:
        """Bring strokes (N, D) or shapes (N, S) into [0, 1]: angles wrap, all else is clamped."""
        wrapped = strokes.clamp(0, 1)
        for column, name in enumerate(self.parameters):
            if name.startswith("angle"):
                wrapped[:, column] = strokes[:, column] % 1
        return wrapped

    def columns(self, names: Sequence[str]) -> list[int]:
        """Return the columns of parameters in the vector."""
        return [self.parameters.index(name) for name in names]


def loaded_kinds() -> Iterator[type[Stroke]]:
    """Yield every concrete class of strokes that is loaded."""
    open_ends = Stroke.__subclasses__()
    while open_ends:
        kind = open_ends.pop()
        open_ends += kind.__subclasses__()
        if not isabstract(kind):
            yield kind
