"""The papers' experiments, made again: ``task=ablations``."""

from tasks.ablations.ablations import ablations

__all__ = ["ablations"]
