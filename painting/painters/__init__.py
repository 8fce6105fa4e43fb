"""Painters: what turns a picture into strokes, behind one interface."""

from painting.painters.agent import AgentPainter
from painting.painters.base import Painter, Progress
from painting.painters.optimize import OptimizePainter

__all__ = ["AgentPainter", "OptimizePainter", "Painter", "Progress"]
