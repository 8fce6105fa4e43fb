"""Optimization of strokes by a network's gradient: classes and content."""

from impasto.visualizing.activation_maximization import ClassGoal, find_class
from impasto.visualizing.augmentations import Views
from impasto.visualizing.classifier_training import Lesson
from impasto.visualizing.content_loss import ContentGoal
from impasto.visualizing.grid_canvas import Grid, GridCanvas
from impasto.visualizing.stroke_descent import Descent

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
