"""Stroke kinds: the parameter layout and the exact rasterizer of each, behind one interface."""

from impasto.strokes.areas import Circle, Rectangle, Triangle
from impasto.strokes.base import COLOR_DIM, Stroke
from impasto.strokes.brush import Brush
from impasto.strokes.curves import Bezier, Line, Taper
from impasto.strokes.mypaint import MyPaint
from impasto.strokes.pixel import Pixel

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
    "Taper",
    "Triangle",
]
