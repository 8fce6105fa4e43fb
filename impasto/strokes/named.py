"""Stroke kinds by name: those of every loaded class, and kinds within limits."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from impasto.errors import UserError
from impasto.strokes.base import Stroke, loaded_kinds

_GREYS = tuple((level, level, level) for level in (0.0, 0.25, 0.5, 0.75, 1.0))
# Bézier curves as if by a pen, and as if with oil paint.
LIMITED: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "ink": {"opaque": True, "max_width": 0.03, "palette": _GREYS},
        "oil": {"opaque": True, "max_length": 0.5},
    }
)


def named_stroke(name: str, **limits: Any) -> Stroke:
    """Return the stroke kind of a name such as `circle` or `oil`, within limits (`limits`).

    Raises:
        UserError: There is none, or it needs a file, which its class takes.
    """
    kinds: dict[str, type[Stroke]] = {kind.name: kind for kind in loaded_kinds()}
    if name in LIMITED:
        return kinds["bezier"](**LIMITED[name] | limits)
    if name not in kinds:
        known = ", ".join(sorted({*kinds, *LIMITED}))
        raise UserError(f"`stroke={name}` is unknown", f"choose from {known}")
    return kinds[name](**limits)
