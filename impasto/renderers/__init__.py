"""Renderers: the exact one and the learned one, behind one interface."""

from impasto.renderers.analytic import AnalyticRenderer
from impasto.renderers.base import Renderer
from impasto.renderers.exported import LearnedRenderer, load_renderer, save_renderer
from impasto.renderers.fields import FieldRenderer
from impasto.renderers.gan import GanRenderer
from impasto.renderers.neural import NeuralRenderer
from impasto.renderers.vae import VaeRenderer
from impasto.renderers.verdict import Verdict, judge

__all__ = [
    "AnalyticRenderer",
    "FieldRenderer",
    "GanRenderer",
    "LearnedRenderer",
    "NeuralRenderer",
    "Renderer",
    "VaeRenderer",
    "Verdict",
    "judge",
    "load_renderer",
    "save_renderer",
]
