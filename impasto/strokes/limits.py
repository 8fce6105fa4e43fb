"""Limits on strokes of any kind: opaque, not too wide, not too long, of few colours.

ICCV 2019, section 5.4.4, restricts transparency in this way; the rest is ours. A limit is a map
from all strokes into the allowed ones. Widths are scaled down as a whole, so that the full range of
a parameter stays useful; what is too long shrinks; a colour becomes the nearest of the palette.
"""

import copy
import math
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.strokes.raster.frame import LENGTH_LEAST, LENGTH_RANGE

Color = tuple[float, float, float]
Palette = tuple[Color, ...] | int | None

_MOST_COLORS = 256
_EXAMPLE = "`palette=[[0,0,0],[1,1,1]]`"


class Limited:
    """Limits of a stroke kind.

    Args:
        opaque: Whether every opacity is 1.
        max_width: The widest that a stroke may be, as a fraction of the canvas's shorter side.
        max_length: The longest, likewise, of the square canvas on which strokes are found: for a
            pen its path, for anything else the longest side or diameter.
        palette: The only colours, RGB in [0, 1]; or a number of colours to be found in the picture
            that is painted.

    Attributes:
        across: Parameters (their names start so) that are a stroke's full width, or half of it.
        along: Those that are its full length, or half of it.
        slimness: Width of a stroke whose parameters in `across` are 1.

    Raises:
        UserError: A limit makes no sense, or the kind has nothing to be limited by it.
    """

    name: ClassVar[str]
    parameters: tuple[str, ...]
    across: ClassVar[tuple[str, ...]] = ("radius",)
    along: ClassVar[tuple[str, ...]] = ()
    slimness: float = 1.0

    def __init__(
        self,
        opaque: bool = False,
        max_width: float | None = None,
        max_length: float | None = None,
        palette: Sequence[Sequence[float]] | int | None = None,
    ) -> None:
        if not isinstance(opaque, bool):
            raise UserError(f"`opaque={opaque!r}` makes no sense", "give true or false")
        self.opaque = opaque
        self.max_width = _fraction("max_width", max_width)
        self.max_length = _fraction("max_length", max_length)
        self.palette = check_palette(palette)
        if max_width is not None and not self._named(self.across):
            raise self._has_no("max_width", "width")
        shortens = type(self).shorten is not Limited.shorten
        if max_length is not None and not (shortens or self._named(self.along)):
            raise self._has_no("max_length", "length")
        # Of each parameter what is multiplied with it, and then added.
        self._scale = [self._share(name) for name in self.parameters]
        self._offset = [0.0] * len(self.parameters)
        for column, name in enumerate(self.parameters):
            if opaque and name.startswith("opacity"):
                self._scale[column], self._offset[column] = 0.0, 1.0

    def limits(self) -> dict[str, Any]:
        """Return the limits that are set, as constructor arguments."""
        palette = self.palette
        if palette is not None and not isinstance(palette, int):
            colors: Any = [list(color) for color in palette]
        else:
            colors = palette
        every = {
            "opaque": self.opaque or None,
            "max_width": self.max_width,
            "max_length": self.max_length,
            "palette": colors,
        }
        return {key: value for key, value in every.items() if value is not None}

    def looser_than(self, other: "Limited") -> str | None:
        """Return the first limit on shapes that `other` has and these strokes need not keep."""
        if other.opaque and not self.opaque:
            return "opaque"
        for key in ("max_width", "max_length"):
            here, there = getattr(self, key), getattr(other, key)
            if there is not None and (here is None or here > there):
                return key
        return None

    def with_palette(self, palette: Sequence[Color]) -> Self:
        """Return the same kind and limits with other colours."""
        other = copy.copy(self)
        other.palette = check_palette(palette)
        return other

    def limit(self, strokes: Tensor) -> Tensor:
        """Map unconstrained strokes to allowed ones: once, where a stroke is decided on.

        Args:
            strokes: (..., D) in [0, 1], shapes and colours.

        Returns:
            (..., D) in [0, 1], differentiable; a palette passes the gradient straight through.
            Without limits the same tensor.
        """
        parts = strokes.split([len(self.parameters), 3], dim=-1)
        limited = self.limit_shape(parts[0]), self.limit_color(parts[1])
        if all(one is other for one, other in zip(limited, parts, strict=True)):
            return strokes
        return torch.cat(limited, dim=-1)

    def release(self, strokes: Tensor) -> Tensor:
        """Return the unconstrained strokes that `limit` maps to these (..., D)."""
        shape, color = strokes.split([len(self.parameters), 3], dim=-1)
        scale, offset = shape.new_tensor(self._scale), shape.new_tensor(self._offset)
        # Full paint is what every opacity stands for where paint is opaque.
        unlimited = torch.where(scale > 0, (shape - offset) / scale.clamp_min(1e-6), 1.0)
        return torch.cat([unlimited, color], dim=-1)

    def limit_shape(self, shape: Tensor) -> Tensor:
        """Map shapes (..., S) in [0, 1] to allowed ones; without limits the same tensor."""
        if not self.opaque and self.max_width is None and self.max_length is None:
            return shape
        limited = shape * shape.new_tensor(self._scale) + shape.new_tensor(self._offset)
        if self.max_length is None:
            return limited
        return self.shorten(limited.reshape(-1, shape.shape[-1]), self.max_length).view_as(shape)

    def limit_color(self, color: Tensor) -> Tensor:
        """Map colours (..., 3) in [0, 1] to the palette's; without one the same tensor."""
        if self.palette is None:
            return color
        if isinstance(self.palette, int):
            raise ValueError("a number of colours is no palette yet: with_palette() takes one")
        palette_color = nearest(color.detach(), color.new_tensor(self.palette))
        return palette_color + (color - color.detach())

    def shorten(self, shape: Tensor, longest: float) -> Tensor:
        """Shrink shapes (N, S) that are longer than a fraction of a square canvas's side.

        A kind whose length is not one of its parameters (`along`) overrides this.
        """
        return shape

    def _share(self, name: str) -> float:
        """Return the largest number in [0, 1] that the limits allow for a parameter."""
        share = 1.0
        for key, names, full in [
            ("max_width", self.across, self.slimness),
            ("max_length", self.along, 1.0),
        ]:
            limit = getattr(self, key)
            if limit is None or not name.startswith(names):
                continue
            if limit / full <= LENGTH_LEAST:
                raise UserError(
                    f"`{key}={limit}` is less than the smallest {self.name} stroke",
                    f"give more than {LENGTH_LEAST * full:.4f}, in canvas sides",
                )
            share = min(share, (limit / full - LENGTH_LEAST) / LENGTH_RANGE)
        return share

    def _named(self, starts: tuple[str, ...]) -> bool:
        return any(name.startswith(starts) for name in self.parameters)

    def _has_no(self, key: str, what: str) -> UserError:
        return UserError(
            f"`{key}`: a {self.name} stroke has no {what} to be limited",
            f"leave it out, or choose another kind, such as `Bezier` with `{key}`",
        )


def nearest(color: Tensor, palette: Tensor) -> Tensor:
    """Return the colours of a palette (P, 3) nearest, by RGB distance, to colours (..., 3)."""
    distance = (color.unsqueeze(-2) - palette).square().sum(-1)  # (..., P)
    return palette[distance.argmin(-1)]


def check_palette(palette: Sequence[Sequence[float]] | int | None) -> Palette:
    """Check a palette, as tuples, or a number of colours.

    Raises:
        UserError: It is neither, or a colour is out of range.
    """
    if palette is None:
        return None
    if isinstance(palette, int) and not isinstance(palette, bool):
        if not 1 <= palette <= _MOST_COLORS:
            raise UserError(
                f"`palette={palette}` makes no sense",
                f"give 1 to {_MOST_COLORS} as a number of colours, or colours: {_EXAMPLE}",
            )
        return palette
    if isinstance(palette, (str, bool, float)) or not 1 <= len(palette) <= _MOST_COLORS:
        raise UserError(
            f"`palette={palette!r}` makes no sense",
            f"give 1 to {_MOST_COLORS} colours, such as {_EXAMPLE}, or their number",
        )
    return tuple(_color(color, number) for number, color in enumerate(palette, start=1))


def _color(color: object, number: int) -> Color:
    levels = list(color) if isinstance(color, Sequence) and not isinstance(color, str) else []
    if len(levels) != 3 or not all(_is_number(level) and 0 <= level <= 1 for level in levels):
        raise UserError(
            f"`palette`: colour {number} is {color!r}, out of range",
            f"give red, green and blue from 0 to 1, such as {_EXAMPLE}",
        )
    red, green, blue = map(float, levels)
    return red, green, blue


def _fraction(key: str, value: float | None) -> float | None:
    if value is None:
        return None
    if not _is_number(value) or not math.isfinite(value) or value <= 0:
        raise UserError(
            f"`{key}={value!r}` makes no sense",
            f"give a fraction of the canvas's shorter side above 0, such as `{key}=0.1`",
        )
    return float(value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
