"""The painter that has learned: a trained agent."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from painting.drawing import draw
from painting.errors import UserError
from painting.painters.base import Painter, Progress
from painting.policy import PaintingPolicy, check_agreement
from painting.strokes import Stroke


class AgentPainter(Painter):
    """Paints with an agent, in one go.

    Args:
        policy: The agent; its canvas, stroke kind, number of strokes and background are used.
    """

    steps = 1

    def __init__(self, policy: PaintingPolicy) -> None:
        self.policy = policy
        self.stroke = policy.stroke
        self.strokes = policy.environment.strokes
        self.canvas_size = policy.canvas_size
        self.background = policy.environment.background

    @classmethod
    def load(cls, weights: str | Path | None, stroke: Stroke | None = None) -> "AgentPainter":
        """Make the painter of an exported agent.

        Args:
            weights: An exported `agent/` folder or a run folder.
            stroke: Of this, only the limits count: where some are set they must be the agent's own.

        Raises:
            UserError: None is given, it does not hold an agent, or one of other limits.
        """
        if weights is None:
            raise UserError(
                "agent.weights is not set: painter=agent needs a trained agent",
                "give agent.weights=FOLDER of a training run, or use painter=optimize",
            )
        policy = PaintingPolicy.load(weights)
        asked = {
            f"stroke.{key}": value for key, value in (stroke.limits() if stroke else {}).items()
        }
        check_agreement(weights, asked, policy.stroke.geometry())
        return cls(policy)

    @torch.no_grad()
    def paint(self, target: Tensor, progress: Progress | None = None) -> Tensor:
        """See `Painter.paint`."""
        size = self.canvas_size
        policy = self.policy.to(target.device)
        strokes, _ = policy.paint(target[None])
        if progress is not None:
            canvas = draw(self.stroke, strokes, size, size, self.background)
            error = functional.mse_loss(canvas[0], target)
            progress(1, float(-10 * error.clamp_min(1e-10).log10()))
        return strokes[0]
