"""Renderers: the exact one and the learned one, behind one interface."""

from painting.renderers.analytic import AnalyticRenderer
from painting.renderers.base import Renderer
from painting.renderers.exported import load_renderer, save_renderer
from painting.renderers.fields import FieldRenderer
from painting.renderers.gan import GanRenderer
from painting.renderers.neural import NeuralRenderer
from painting.renderers.vae import VaeRenderer
from painting.renderers.verdict import Verdict, judge

__all__ = [
    "AnalyticRenderer",
    "FieldRenderer",
    "GanRenderer",
    "NeuralRenderer",
    "Renderer",
    "VaeRenderer",
    "Verdict",
    "judge",
    "load_renderer",
    "save_renderer",
]
