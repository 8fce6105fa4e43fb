"""Renderers: the exact one and the learned one, behind one interface."""

from painting.renderers.analytic import AnalyticRenderer
from painting.renderers.base import Renderer
from painting.renderers.exported import Verdict, judge, load_renderer, save_renderer
from painting.renderers.fields import FieldRenderer
from painting.renderers.neural import NeuralRenderer

__all__ = [
    "AnalyticRenderer", "FieldRenderer", "NeuralRenderer", "Renderer", "Verdict", "judge",
    "load_renderer", "save_renderer",
]  # fmt: skip
