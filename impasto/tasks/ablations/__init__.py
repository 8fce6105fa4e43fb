"""The papers' experiments, made again: ``task=ablations``."""

from impasto.tasks.ablations.ablations import ablations

__all__ = ["ablations"]
