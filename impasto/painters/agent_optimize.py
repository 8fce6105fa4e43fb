"""Painter in two steps: an agent proposes the strokes, gradient descent refines them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from impasto.painters.agent import AgentPainter
from impasto.painters.base import Painter, Progress, Sketch
from impasto.painters.budget import Cost, measure_cost
from impasto.painters.optimize import OptimizePainter


@dataclass(eq=False)
class AgentOptimizePainter(Painter):
    """Paints with an agent, then moves position, shape, opacity and colour of all its strokes.

    Attributes:
        proposer: The agent, with its stroke kind and number of strokes.
        refiner: What moves them.
    """

    proposer: AgentPainter
    refiner: OptimizePainter
    refines = True

    def __post_init__(self) -> None:
        # The agent's kind, limits and background are the painting's: it learned with them.
        self.stroke = self.proposer.stroke
        self.strokes = self.proposer.strokes
        self.background: Sequence[float] = self.proposer.background
        self.refiner = replace(
            self.refiner, stroke=self.stroke, strokes=self.strokes, background=self.background
        )
        self.steps = self.proposer.steps + self.refiner.gradient_steps

    @property
    def gradient_steps(self) -> int:
        """See `Painter.gradient_steps`: the refiner's."""
        return self.refiner.gradient_steps

    def canvas(self, height: int, width: int) -> tuple[int, int]:
        """See `Painter.canvas`: the refiner's."""
        return self.refiner.canvas(height, width)

    def with_strokes(self, strokes: int) -> "AgentOptimizePainter":
        """See `Painter.with_strokes`."""
        return replace(self, proposer=self.proposer.with_strokes(strokes))

    def with_steps(self, steps: int) -> "AgentOptimizePainter":
        """See `Painter.with_steps`."""
        return replace(self, refiner=self.refiner.with_steps(steps))

    def cost(self, height: int, width: int, device: torch.device | str) -> Cost:
        """See `Painter.cost`: without the agent's own time."""
        return measure_cost(self.refiner, height, width, device, started=True)

    def following(self, steps: int) -> "AgentOptimizePainter":
        """See `Painter.following`: the refiner goes on alone."""
        return replace(self, refiner=self.refiner.following(steps))

    def paint(
        self,
        target: Tensor,
        progress: Progress | None = None,
        start: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        """See `Painter.paint`."""
        if start is None:
            size = self.proposer.canvas(*target.shape[1:])
            small = _resized(target, size)
            small_weight = None if weight is None else _resized(weight[None], size)[0]
            start = self.proposer.paint(small, progress, weight=small_weight)

        def report(sketch: Sketch) -> None:
            assert progress is not None
            progress(replace(sketch, step=self.proposer.steps + sketch.step))

        return self.refiner.paint(target, None if progress is None else report, start, weight)


def _resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize an image (C, H, W)."""
    return functional.interpolate(image[None], size, mode="bilinear", antialias=True)[0]
