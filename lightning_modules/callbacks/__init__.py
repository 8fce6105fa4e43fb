"""Callbacks of a run: checkpoints, metrics, pictures, progress, pruning, signals."""

from lightning_modules.callbacks.checkpoints import Checkpoints
from lightning_modules.callbacks.graceful_stop import GracefulStop
from lightning_modules.callbacks.metrics_csv import MetricsCsv
from lightning_modules.callbacks.pictures import Pictures
from lightning_modules.callbacks.progress import Progress
from lightning_modules.callbacks.pruning import Pruning

__all__ = ["Checkpoints", "GracefulStop", "MetricsCsv", "Pictures", "Progress", "Pruning"]
