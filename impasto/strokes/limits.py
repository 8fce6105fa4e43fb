"""Limits on strokes of any kind: opaque, or never; not too wide, not too long, of few colours.

ICCV 2019, section 5.4.4, restricts transparency in this way; the rest is ours. A limit is a map
from all strokes into the allowed ones. Widths are scaled down as a whole, so that the full range of
a parameter stays useful; what is too long shrinks; a colour becomes the nearest of the palette.
"""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.runtime.constants import constant
from impasto.strokes.levels import to_levels
from impasto.strokes.raster.frame import LENGTH_LEAST, LENGTH_RANGE

if TYPE_CHECKING:
    from impasto.strokes.base import Stroke

    Kind = TypeVar("Kind", bound=Stroke)

Color = tuple[float, float, float]
Palette = tuple[Color, ...] | int | None

_MOST_COLORS = 256
_EXAMPLE = "`palette=[[0,0,0],[1,1,1]]`"


def limits_of(stroke: "Stroke") -> dict[str, Any]:
    """Return the limits of a kind that are set, as constructor arguments."""
    palette = stroke.palette
    colors = [list(one) for one in palette] if isinstance(palette, tuple) else palette
    every = {
        "opaque": stroke.opaque or None,
        "max_opacity": stroke.max_opacity,
        "max_width": stroke.max_width,
        "max_length": stroke.max_length,
        "palette": colors,
    }
    return {key: value for key, value in every.items() if value is not None}


def looser_limit(stroke: "Stroke", other: "Stroke") -> str | None:
    """Return the first limit on shapes that `other` has and these strokes need not keep."""
    if other.opaque and not stroke.opaque:
        return "opaque"
    for key in ("max_opacity", "max_width", "max_length"):
        here, there = getattr(stroke, key), getattr(other, key)
        if there is not None and (here is None or here > there):
            return key
    return None


def with_palette(stroke: "Kind", palette: Sequence[Color]) -> "Kind":
    """Return the same kind and limits with other colours."""
    other = copy.copy(stroke)
    other.palette = check_palette(palette)
    return other


def limit_shape(stroke: "Stroke", shape: Tensor) -> Tensor:
    """Map shapes (..., S) in [0, 1] to allowed ones, which are rounded to the kind's levels.

    Without limits and levels it is the same tensor.
    """
    limited = bounded_shape(stroke, shape)
    return to_levels(limited, stroke.levels) if stroke.rounded else limited


def bounded_shape(stroke: "Stroke", shape: Tensor) -> Tensor:
    """Map shapes as `limit_shape` does, without rounding."""
    if set(limits_of(stroke)) <= {"palette"}:
        return shape
    scale, offset = _scales(stroke)
    limited = shape * constant(scale, shape) + constant(offset, shape)
    if stroke.max_length is None:
        return limited
    return stroke.shorten(limited.reshape(-1, shape.shape[-1]), stroke.max_length).view_as(shape)


def limit_color(stroke: "Stroke", color: Tensor) -> Tensor:
    """Map colours (..., 3) in [0, 1] to the palette's; without one the same tensor."""
    if stroke.palette is None:
        return color
    if isinstance(stroke.palette, int):
        raise ValueError("a number of colours is no palette yet: with_palette() takes one")
    palette_color = nearest(color.detach(), constant(stroke.palette, color))
    return palette_color + (color - color.detach())


def release(stroke: "Stroke", strokes: Tensor) -> Tensor:
    """Return the free strokes that `Stroke.limit` maps to these (..., D)."""
    shape, color = strokes.split([stroke.shape_dim, 3], dim=-1)
    scale, offset = (constant(numbers, shape) for numbers in _scales(stroke))
    # Full paint is what every opacity stands for where paint is opaque.
    free = torch.where(scale > 0, (shape - offset) / scale.clamp_min(1e-6), 1.0)
    return torch.cat([free, color], dim=-1)


def check_limits(stroke: "Stroke", shortens: bool) -> None:
    """Check that a kind has what its limits are about, and that they leave something of it.

    Args:
        stroke: The kind.
        shortens: Whether it has a `shorten` of its own.

    Raises:
        UserError: It has not, or they do not.
    """
    names = stroke.parameters
    if stroke.opaque and stroke.max_opacity is not None:
        what = f"`opaque=true` and `max_opacity={stroke.max_opacity}` say two things"
        raise UserError(what, "give one of them")
    if stroke.max_opacity is not None and not _named(names, ("opacity",)):
        raise _has_no(stroke, "max_opacity", "opacity")
    if stroke.max_width is not None and not _named(names, stroke.across):
        raise _has_no(stroke, "max_width", "width")
    lengthy = shortens or _named(names, stroke.along)
    if stroke.max_length is not None and not lengthy:
        raise _has_no(stroke, "max_length", "length")
    _scales(stroke)


def _scales(stroke: "Stroke") -> tuple[list[float], list[float]]:
    """Return what is multiplied with each parameter, and then added to it."""
    painted = [stroke.opaque and name.startswith("opacity") for name in stroke.parameters]
    scale = [
        0.0 if full else largest(stroke, name)
        for name, full in zip(stroke.parameters, painted, strict=True)
    ]
    return scale, [float(full) for full in painted]


def largest(stroke: "Stroke", name: str) -> float:
    """Return the largest number in [0, 1] that the limits allow for a parameter.

    Raises:
        UserError: None is so small.
    """
    if name.startswith("opacity"):
        return 1.0 if stroke.max_opacity is None else stroke.max_opacity
    share = 1.0
    for key, names, full in [
        ("max_width", stroke.across, stroke.slimness),
        ("max_length", stroke.along, 1.0),
    ]:
        limit = getattr(stroke, key)
        if limit is None or not name.startswith(names):
            continue
        if limit / full <= LENGTH_LEAST:
            raise UserError(
                f"`{key}={limit}` is less than the smallest {stroke.name} stroke",
                f"give more than {LENGTH_LEAST * full:.4f}, in canvas sides",
            )
        share = min(share, (limit / full - LENGTH_LEAST) / LENGTH_RANGE)
    return share


def _named(names: Sequence[str], starts: tuple[str, ...]) -> bool:
    return any(name.startswith(starts) for name in names)


def _has_no(stroke: "Stroke", key: str, what: str) -> UserError:
    return UserError(
        f"`{key}`: a {stroke.name} stroke has no {what} to be limited",
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
    if len(levels) != 3 or not all(map(is_level, levels)):
        raise UserError(
            f"`palette`: colour {number} is {color!r}, out of range",
            f"give red, green and blue from 0 to 1, such as {_EXAMPLE}",
        )
    red, green, blue = map(float, levels)
    return red, green, blue


def is_level(value: object) -> bool:
    """Return True for a number in [0, 1]."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
