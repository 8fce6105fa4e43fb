"""Gradient descent on strokes by any loss of the picture that they paint."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from impasto.bounds import Count, Positive, validated
from impasto.painters.schedule import cooling
from impasto.strokes import COLOR_DIM, Stroke
from impasto.strokes.conversion import into_range
from impasto.visualizing.grid_canvas import GridCanvas

Told = Callable[[float, Tensor], None]
"""Called with the loss and the strokes, within their limits, after every step."""


@validated
@dataclass(frozen=True)
class Descent:
    """Settings of gradient descent on strokes.

    Attributes:
        steps: Gradient steps.
        learning_rate: Adam's for coordinates, in canvas sides a step; twice that for all else.
        size: Half the width of the first strokes, roughly, as a share of a canvas's side.
        spread: The share of a canvas's sides, around its middle, where the first strokes lie.
        grayscale: Whether every stroke is grey.

    Raises:
        UserError: A number is out of its bounds.
    """

    steps: Count = 300
    learning_rate: Positive = 0.02
    size: Positive = 0.06
    spread: Annotated[float, Gt(0), Le(1)] = 1.0
    grayscale: bool = False

    def start(self, stroke: Stroke, count: int, generator: torch.Generator) -> Tensor:
        """Draw random strokes of full paint and any colour, (count, D), before `limit`."""
        center = 0.5 + self.spread * (torch.rand(count, 2, generator=generator) - 0.5)
        shape = into_range(stroke, stroke.place(center, self.size, generator))
        return torch.cat([shape, torch.rand(count, COLOR_DIM, generator=generator)], dim=1)

    def run(
        self,
        canvas: GridCanvas,
        strokes: Tensor,
        loss: Callable[[Tensor], Tensor],
        told: Told | None = None,
    ) -> Tensor:
        """Move strokes to where the loss is low.

        Args:
            canvas: What they are painted on.
            strokes: (N, D) in [0, 1], before `limit`.
            loss: Of the picture (3, H, W), a scalar.
            told: See `Told`.

        Returns:
            (N, D) in [0, 1], within the limits of their kind.
        """
        stroke = canvas.renderer.stroke
        rates = self._rates(stroke, strokes)
        # In units of each number's rate: so one Adam has them all.
        scaled = (strokes / rates).requires_grad_()
        adam = torch.optim.Adam([scaled], betas=(0.9, 0.99))
        for step in range(self.steps):
            adam.param_groups[0]["lr"] = cooling(step, self.steps)
            value = loss(canvas.draw(self.finished(stroke, scaled * rates)))
            (scaled.grad,) = torch.autograd.grad(value, scaled)
            adam.step()
            with torch.no_grad():
                scaled.copy_(into_range(stroke, scaled * rates) / rates)
            if told is not None:
                told(value.item(), self.finished(stroke, scaled.detach() * rates))
        return self.finished(stroke, scaled.detach() * rates)

    def finished(self, stroke: Stroke, strokes: Tensor) -> Tensor:
        """Return strokes (N, D) as they are painted: grey if asked for, within the limits."""
        return stroke.limit(self._shaded(strokes))

    def _shaded(self, strokes: Tensor) -> Tensor:
        if not self.grayscale:
            return strokes
        shape, color = strokes[:, :-COLOR_DIM], strokes[:, -COLOR_DIM:]
        return torch.cat([shape, color.mean(1, keepdim=True).expand_as(color)], dim=1)

    def _rates(self, stroke: Stroke, like: Tensor) -> Tensor:
        """Return the learning rate of each parameter of a stroke, (D,)."""
        paces = [stroke.pace if name[0] in "xy" else 2.0 for name in stroke.parameters]
        return like.new_tensor(paces + [2.0] * COLOR_DIM) * self.learning_rate
