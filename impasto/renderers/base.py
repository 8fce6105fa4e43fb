"""Interface of a renderer: stroke shapes in, alpha out, with a gradient."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from impasto.runtime.precision import full_precision
from impasto.strokes import Stroke


def dense_layers(widths: Sequence[int], activation: type[nn.Module] = nn.ReLU) -> list[nn.Module]:
    """Build fully connected layers of these widths, the input's first, each with a nonlinearity.

    None for a single width: then what comes out is what goes in.
    """
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), activation()]
    return layers


class Renderer(nn.Module, ABC):
    """Draws the shapes of one stroke kind on a square canvas of one size.

    Args:
        stroke: The stroke kind.
        canvas_size: Pixels on a side, n.

    Attributes:
        differentiable: Whether alpha has a gradient by the shape. One that says no can serve agents
            without a model, which don't ask for one.
    """

    differentiable: bool = True

    def __init__(self, stroke: Stroke, canvas_size: int) -> None:
        super().__init__()
        self.stroke = stroke
        self.canvas_size = canvas_size

    @property
    def learned(self) -> bool:
        """Return True if it has learned to draw, so that exact strokes may look otherwise."""
        return any(True for _ in self.parameters())

    @property
    def advice(self) -> str:
        """Return advice on what to choose where this one has no gradient and one is needed."""
        if self.stroke.differentiable:
            return "choose `AnalyticRenderer` or `NeuralRenderer`"
        return f"pretrain a renderer of `{type(self.stroke).__name__}`, and choose that"

    def config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {"stroke": self.stroke, "canvas_size": self.canvas_size}

    def stroke_alpha(self, shape: Tensor) -> Tensor:
        """Return the alpha (N, 1, n, n) that strokes of shapes (N, S) leave on a canvas.

        `forward` draws it; what is known beforehand (`Stroke.for_renderer`) it need not learn.
        """
        drawn, share = self.stroke.for_renderer(shape)
        with full_precision(drawn):
            alpha: Tensor = self(drawn)
        return alpha if share is None else alpha * share[:, None, None, None]

    @abstractmethod
    def forward(self, shape: Tensor) -> Tensor:
        """Draw shapes (N, S) in [0, 1] as alpha (N, 1, n, n) in [0, 1], differentiably."""
