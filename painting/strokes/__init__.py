"""Stroke kinds: the parameter layout and the exact rasterizer of each, behind one interface."""

from painting.strokes.areas import Circle, Triangle
from painting.strokes.base import COLOR_DIM, Stroke
from painting.strokes.curves import Bezier, Line

__all__ = ["COLOR_DIM", "Bezier", "Circle", "Line", "Stroke", "Triangle"]
