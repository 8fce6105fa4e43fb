"""Interface of a stroke kind."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from inspect import isabstract
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self

import torch
from annotated_types import Gt, Le
from torch import Tensor

from impasto.bounds import Positive, validated
from impasto.errors import UserError
from impasto.runtime.constants import constant
from impasto.strokes.geometry import Mark
from impasto.strokes.levels import even_levels
from impasto.strokes.limits import (
    bounded_shape,
    check_limits,
    check_palette,
    largest,
    limit_color,
    limit_shape,
    limits_of,
)
from impasto.strokes.raster.frame import Frame, Windows, unit
from impasto.strokes.raster.outlines import Outlines, PlainOutlines

__all__ = ["COLOR_DIM", "Frame", "Stroke", "loaded_kinds"]

COLOR_DIM = 3


@validated
class Stroke(ABC):
    """One kind of stroke: what its parameters are called, and the exact drawing of its shape.

    A *shape* is a vector (S,) in [0, 1], one number per name in `parameters`; a *stroke* is a shape
    and an RGB colour, (S + 3,). Coordinates are fractions of the canvas's width and height, radii
    and lengths map to fractions of its shorter side, angles to radians clockwise from +x (`unit`):
    a stroke is the same at every size.

    A new kind subclasses this, sets `name` and `parameters`, and draws; what its numbers are turned
    into follows from their names (`impasto.strokes.conversion`, `impasto.strokes.limits`).

    Args:
        opaque: Whether every opacity is 1.
        max_width: The widest that a stroke may be, as a fraction of the canvas's shorter side.
        max_length: The longest, likewise, of the square canvas on which strokes are found: for a
            pen its path, for anything else the longest side or diameter.
        palette: The only colours, RGB in [0, 1]; or a number of colours to be found in the picture
            that is painted.
        max_opacity: The most that an opacity may be, as of a wash.

    Attributes:
        name: What the kind is called in records.
        parameters: The names of a shape's numbers, in order.
        optional: Those that only some strokes of the kind have, behind all others.
        relative: Parameters called x or y that are no places of their own, and the two parameters
            between which 0 and 1 of each lie.
        levels: For each parameter how many values it can have, evenly from 0 to 1; 0 is any value.
            Empty is any value for all of them.
        rounded: Whether limits round to these levels.
        turn: By which angle, in radians, a shape can be turned to look the same again: what an
            angle of 1 in the vector stands for.
        across: Parameters (their names start so) that are a stroke's full width, or half of it.
        along: Those that are its full length, or half of it.
        slimness: Width of a stroke whose parameters in `across` are 1.
        pace: How fast an optimizer should move coordinates, beside what is usual.
        differentiable: Whether what is drawn has a gradient; else a renderer can learn the kind.
        random: Whether it draws with random numbers: see `reseeded`.
        fingerprints: Keys of `geometry` whose values stand for what is in a file.

    Raises:
        UserError: A limit makes no sense, or the kind has nothing to be limited by it.
    """

    name: ClassVar[str]
    parameters: tuple[str, ...]
    optional: ClassVar[tuple[str, ...]] = ()
    relative: Mapping[str, tuple[str, str]] = MappingProxyType({})
    levels: tuple[int, ...] = ()
    rounded: bool = True
    turn: ClassVar[float] = 2 * math.pi
    across: ClassVar[tuple[str, ...]] = ("radius",)
    along: ClassVar[tuple[str, ...]] = ()
    slimness: float = 1.0
    pace: ClassVar[float] = 1.0
    differentiable: ClassVar[bool] = True
    random: ClassVar[bool] = False
    fingerprints: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        opaque: bool = False,
        max_width: Positive | None = None,
        max_length: Positive | None = None,
        palette: Sequence[Sequence[float]] | int | None = None,
        max_opacity: Annotated[float, Gt(0), Le(1)] | None = None,
    ) -> None:
        self.opaque = opaque
        self.max_opacity = None if max_opacity is None else float(max_opacity)
        self.max_width = None if max_width is None else float(max_width)
        self.max_length = None if max_length is None else float(max_length)
        self.palette = check_palette(palette)
        check_limits(self, shortens=type(self).shorten is not Stroke.shorten)

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

    def limits(self) -> dict[str, Any]:
        """Return the limits that are set, as constructor arguments."""
        return limits_of(self)

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

        Of a parameter with levels each is as likely as any other.

        Args:
            count: How many, N.
            generator: Source of randomness, on `device`; the global one by default.
            device: Where the result lies.

        Returns:
            (N, S) float32 in [0, 1].
        """
        shape = torch.rand(count, self.shape_dim, generator=generator, device=device)
        bounded = bounded_shape(self, shape)
        return even_levels(bounded, self.levels) if self.levels else bounded

    def place(
        self,
        center: Tensor,
        scale: float,
        generator: torch.Generator | None = None,
        sides: tuple[float, float] = (1.0, 1.0),
    ) -> Tensor:
        """Draw random shapes of full paint, of about one size, around given places: before `limit`.

        What starts with x or y is a coordinate here, but for what is relative, which is anywhere.

        Args:
            center: (N, 2), x and y as fractions of width and height.
            scale: Half the stroke's width, roughly, as a fraction of the shorter side.
            generator: Source of randomness, on `center`'s device.
            sides: Width and height of the canvas, in shorter sides.

        Returns:
            (N, S) in [0, 1]; a radius, width, height or size may be below 0, for one that is
            smaller than strokes usually are (`impasto.strokes.conversion.into_range`).
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
                shape[:, column] = size / largest(self, name)
            elif name.startswith("opacity"):
                shape[:, column] = 1
        sizes = [unit(name)[0] > 0 for name in self.parameters]
        shape = shape.clamp_max(1).maximum(-constant(sizes, shape))
        between = [self.parameters.index(name) for name in self.relative]
        if between:
            many = len(center), len(between)
            shape[:, between] = torch.rand(many, generator=generator, device=center.device)
        return shape

    def limit(self, strokes: Tensor) -> Tensor:
        """Map free strokes to allowed ones: once, where a stroke is decided on.

        Args:
            strokes: (..., D) in [0, 1], shapes and colours.

        Returns:
            (..., D) in [0, 1], differentiable; a palette and levels pass the gradient straight
            through. Without limits the same tensor.
        """
        parts = strokes.split([self.shape_dim, COLOR_DIM], dim=-1)
        limited = limit_shape(self, parts[0]), limit_color(self, parts[1])
        if all(one is other for one, other in zip(limited, parts, strict=True)):
            return strokes
        return torch.cat(limited, dim=-1)

    def shorten(self, shape: Tensor, longest: float) -> Tensor:
        """Shrink shapes (N, S) that are longer than a fraction of a square canvas's side.

        A kind whose length is not one of its parameters (`along`) overrides this.
        """
        return shape

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

    def reseeded(self) -> Self:
        """Return the same kind, with other random numbers if it draws with some."""
        return self

    def outlines(self, shape: Tensor, height: int, width: int) -> Outlines:
        """Return the outlines of shapes (N, S) on a canvas, to bound them and then draw them.

        A kind whose box and drawing begin with the same work overrides this.

        Raises:
            ValueError: `shape` has not S columns.
        """
        return PlainOutlines(self._checked(shape), height, width, self._draw, self._extent)

    def form(self, shape: Tensor, height: int, width: int) -> tuple[str, Tensor] | None:
        """Return what compiled loops draw shapes (N, S) on a canvas by; None where they can't.

        Returns:
            The form, and of each shape its numbers (N, K) float32, differentiable. ``"pen"``: x and
            y of a quadratic curve's three points, two radii, two opacities, taper; others: see
            `impasto.strokes.raster.tile_areas`. Lengths are pixels.
        """
        return None

    @property
    def has_form(self) -> bool:
        """True if the kind has a `form`."""
        return type(self).form is not Stroke.form

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
        high = constant((frame.width, frame.height), shape).expand(len(shape), 2)
        return torch.zeros_like(high), high


def loaded_kinds() -> Iterator[type[Stroke]]:
    """Yield every concrete class of strokes that is loaded."""
    open_ends = Stroke.__subclasses__()
    while open_ends:
        kind = open_ends.pop()
        open_ends += kind.__subclasses__()
        if not isabstract(kind):
            yield kind
