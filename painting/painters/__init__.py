"""Painters: from a picture to strokes, behind one interface."""

from painting.painters.agent import AgentPainter
from painting.painters.base import Painter, Progress, Sketch
from painting.painters.optimize import OptimizePainter
from painting.painters.refined import AgentOptimizePainter

__all__ = [
    "AgentOptimizePainter",
    "AgentPainter",
    "OptimizePainter",
    "Painter",
    "Progress",
    "Sketch",
]
