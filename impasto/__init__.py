"""Impasto: a picture goes in, an ordered list of brush strokes comes out.

>>> import impasto
>>> sorted(impasto.__all__)[:3]
['Agent', 'AgentOptimizePainter', 'AgentPainter']

Names are loaded when they are first used, so that ``import impasto`` costs nothing. The library
knows neither Hydra nor Lightning; `impasto.launch` and `impasto.tasks` do.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.agents import Agent, load_agent
    from impasto.api import paint, paint_many
    from impasto.errors import UserError
    from impasto.io.record import StrokeRecord, read_record, write_record
    from impasto.painters import AgentOptimizePainter, AgentPainter, OptimizePainter, Painter
    from impasto.painting import Painting, Unfinished
    from impasto.rl.policy import PaintingPolicy
    from impasto.strokes import Stroke

__all__ = [
    "Agent",
    "AgentOptimizePainter",
    "AgentPainter",
    "OptimizePainter",
    "Painter",
    "Painting",
    "PaintingPolicy",
    "Stroke",
    "StrokeRecord",
    "Unfinished",
    "UserError",
    "load_agent",
    "paint",
    "paint_many",
    "read_record",
    "write_record",
]

_HOMES = {
    "impasto.agents": ("Agent", "load_agent"),
    "impasto.api": ("paint", "paint_many"),
    "impasto.errors": ("UserError",),
    "impasto.io.record": ("StrokeRecord", "read_record", "write_record"),
    "impasto.painting": ("Painting", "Unfinished"),
    "impasto.painters": ("AgentOptimizePainter", "AgentPainter", "OptimizePainter", "Painter"),
    "impasto.rl.policy": ("PaintingPolicy",),
    "impasto.strokes": ("Stroke",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
