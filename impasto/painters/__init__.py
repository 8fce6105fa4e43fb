"""Painters: from a picture to strokes, behind one interface."""

from impasto.painters.agent import AgentOptimizePainter, AgentPainter
from impasto.painters.base import Painter, Progress, Sketch
from impasto.painters.divide import DividePainter
from impasto.painters.glimpses import GlimpseStart
from impasto.painters.optimize import OptimizePainter

__all__ = [
    "AgentOptimizePainter",
    "AgentPainter",
    "DividePainter",
    "GlimpseStart",
    "OptimizePainter",
    "Painter",
    "Progress",
    "Sketch",
]
