"""Stroke kinds: the parameter layout and the exact rasterizer of each, behind one interface."""

from painting.strokes.areas import Circle, Rectangle, Triangle
from painting.strokes.base import COLOR_DIM, Stroke
from painting.strokes.brush import Brush
from painting.strokes.curves import Bezier, Line
from painting.strokes.mypaint import MyPaint
from painting.strokes.pixel import Pixel

__all__ = [
    "COLOR_DIM",
    "Bezier",
    "Brush",
    "Circle",
    "Line",
    "MyPaint",
    "Pixel",
    "Rectangle",
    "Stroke",
    "Triangle",
]
