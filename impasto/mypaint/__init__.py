"""MyPaint, a real paint program, through the C interface of its brush engine (libmypaint)."""

from impasto.mypaint.brushes import check_settings, find_brush, installed_brushes
from impasto.mypaint.program import MyPaintBrush, MyPaintCanvas

__all__ = [
    "MyPaintBrush",
    "MyPaintCanvas",
    "check_settings",
    "find_brush",
    "installed_brushes",
]
