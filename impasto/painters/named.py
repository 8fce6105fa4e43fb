"""Painters by name, of the arguments that every one of them has."""

from collections.abc import Sequence
from pathlib import Path

from impasto.errors import UserError
from impasto.painters.agent import AgentPainter
from impasto.painters.base import Painter
from impasto.painters.divide import DividePainter
from impasto.painters.optimize import OptimizePainter
from impasto.strokes import Bezier, Stroke

REFINED = {"agent": 120, "agent+optimize": 400}  # gradient steps by default
_BLACK = (0.0, 0.0, 0.0)


def named_painter(
    name: str,
    strokes: int | None = None,
    stroke: Stroke | None = None,
    background: Sequence[float] | None = None,
    seed: int | None = None,
    weights: str | Path | None = None,
) -> Painter:
    """Return the painter `optimize`, `agent`, `agent+optimize` or `divide`.

    Args:
        name: Which.
        strokes: How many strokes, N; by default an agent's own, or 500.
        stroke: The stroke kind; Bézier curves by default. An agent has its own: where one is given
            it must be that.
        background: RGB in [0, 1] of the blank canvas, black by default; likewise.
        seed: Fixes the painting, 0 by default.
        weights: An agent: an exported folder, a run folder, or a name such as `photos`.

    Raises:
        UserError: There is no such painter, it has no such argument, or an agent is of another
            kind, or missing.
    """
    if name == "optimize":
        if weights is not None:
            raise UserError("`optimize` paints without an agent", "leave out `weights`")
        count = 500 if strokes is None else strokes
        ground = _BLACK if background is None else background
        return OptimizePainter(stroke or Bezier(), count, background=ground, seed=seed or 0)
    if name not in (*REFINED, "divide"):
        known = ", ".join(["optimize", *REFINED, "divide"])
        raise UserError(f"`painter={name}` is unknown", f"choose from {known}")
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
