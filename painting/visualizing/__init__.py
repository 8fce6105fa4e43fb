"""Optimization of strokes by a network's gradient: classes and content."""

from painting.visualizing.classes import ClassGoal, find_class
from painting.visualizing.content import ContentGoal
from painting.visualizing.descent import Descent
from painting.visualizing.grid import Grid, GridCanvas
from painting.visualizing.teaching import Lesson
from painting.visualizing.views import Views

__all__ = [
    "ClassGoal",
    "ContentGoal",
    "Descent",
    "Grid",
    "GridCanvas",
    "Lesson",
    "Views",
    "find_class",
]
