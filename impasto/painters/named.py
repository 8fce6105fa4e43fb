"""Painters and styles by name, of the arguments that every painter has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from impasto.errors import UserError
from impasto.painters.agent import AgentPainter
from impasto.painters.base import Painter
from impasto.painters.divide import DividePainter
from impasto.painters.optimize import OptimizePainter
from impasto.strokes import Stroke
from impasto.strokes.named import named_stroke

REFINED = {"agent": 120, "agent+optimize": 400}  # gradient steps by default
_BLACK = (0.0, 0.0, 0.0)
_WHITE = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Style:
    """Choices of `OptimizePainter` that make a style.

    Attributes:
        stroke: Name of the stroke kind.
        limits: Its further limits.
        background: RGB in [0, 1] of the blank canvas.
        along: See `OptimizePainter`; so is `longer`.
    """

    stroke: str = "bezier"
    limits: Mapping[str, Any] = field(default_factory=dict)
    background: Sequence[float] = _BLACK
    along: float = 0.0
    longer: float = 1.0


# As conf/style has them.
STYLES: Mapping[str, Style] = MappingProxyType(
    {
        "photo": Style(),
        "oil": Style("oil", {"max_width": 0.12}, (0.35, 0.24, 0.16), 1, 6),
        "watercolor": Style("bezier", {"max_opacity": 0.25}, _WHITE, 0.5, 3),
        "ink": Style("ink", {"max_width": 0.01, "palette": (_BLACK, _WHITE)}, _WHITE, 1, 3),
        "poster": Style("bezier", {"opaque": True, "palette": 20}),
    }
)


def named_painter(
    name: str,
    strokes: int | None = None,
    stroke: Stroke | str | None = None,
    background: Sequence[float] | None = None,
    seed: int | None = None,
    weights: str | Path | None = None,
    style: str | None = None,
) -> Painter:
    """Return the painter `optimize`, `agent`, `agent+optimize` or `divide`.

    Args:
        name: Which.
        strokes: How many strokes, N; by default an agent's own, or 500.
        stroke: The stroke kind, or its name; Bézier curves, or the style's, by default. An agent
            has its own: where one is given it must be that.
        background: RGB in [0, 1] of the blank canvas, black or the style's by default; likewise.
        seed: Fixes the painting, 0 by default.
        weights: An agent: an exported folder, a run folder, or a name such as `photos`.
        style: One of `STYLES`, for `optimize`.

    Raises:
        UserError: There is no such painter or style, it has no such argument, or an agent is of
            another kind, or missing.
    """
    if style is not None and style not in STYLES:
        raise UserError(f"`style={style}` is unknown", f"choose from {', '.join(STYLES)}")
    if name == "optimize":
        if weights is not None:
            raise UserError("`optimize` paints without an agent", "leave out `weights`")
        look = STYLES[style or "photo"]
        if look.limits and isinstance(stroke, Stroke):
            raise UserError(
                f"`style={style}` beside a stroke with limits of its own", "give its name"
            )
        if not isinstance(stroke, Stroke):
            stroke = named_stroke(stroke or look.stroke, **look.limits)
        return OptimizePainter(
            stroke,
            500 if strokes is None else strokes,
            background=look.background if background is None else background,
            seed=seed or 0,
            along=look.along,
            longer=look.longer,
        )
    if name not in (*REFINED, "divide"):
        known = ", ".join(["optimize", *REFINED, "divide"])
        raise UserError(f"`painter={name}` is unknown", f"choose from {known}")
    if style is not None:
        raise UserError(f"an agent learned to paint in no `style={style}`", "leave it out")
    if isinstance(stroke, str):
        stroke = named_stroke(stroke)
    painter = AgentPainter.load(weights, stroke, strokes)
    own = painter.stroke
    if stroke is not None and stroke.geometry() != own.geometry():
        what = f"the agent in {weights} paints with `{own.name}`, not as `stroke` says"
        raise UserError(what, "leave out `stroke`, or give another agent's `weights`")
    if background is not None and tuple(background) != tuple(painter.background):
        what = f"the agent in {weights} paints on {tuple(painter.background)}"
        raise UserError(what, "leave out `background`, or give another agent's `weights`")
    assert isinstance(painter, AgentPainter)
    if name == "divide":
        return DividePainter(painter.policy, strokes)
    return painter.refined(REFINED[name], seed=seed or 0)
