"""Stroke order of painted digits: are they written as a person writes them?"""

from torch import Tensor

from datamodules.base import ImageDataModule
from impasto.rl.human_strokes import HumanStrokes, center_lines, follows
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Stroke


class OrderCount:
    """Counter of paintings that follow the example of their class.

    Args:
        stroke: The stroke kind.
        examples: (C, N, D), by class.
    """

    def __init__(self, stroke: Stroke, examples: Tensor) -> None:
        self.stroke = stroke
        self.examples = examples
        self._paintings = self._whole = self._strokes = self._single = 0

    def add(self, strokes: Tensor, label: Tensor) -> None:
        """Count a batch: strokes (B, N, D) of pictures of classes (B,)."""
        example = self.examples.to(strokes)[label.to(strokes.device)]
        lines = (center_lines(self.stroke, part) for part in (strokes, example))
        following = follows(*lines)  # (B, N)
        self._paintings += len(following)
        self._whole += int(following.all(1).sum())
        self._strokes += following.numel()
        self._single += int(following.sum())

    def shares(self) -> dict[str, float]:
        """Shares for the summary, in [0, 1]; see `impasto.rl.human_strokes.follows`.

        ``in_order`` is the share of paintings of which all strokes follow the example,
        ``strokes_in_order`` that of single strokes. By chance a stroke does one time in 2 N.
        """
        return {
            "in_order": self._whole / self._paintings,
            "strokes_in_order": self._single / self._strokes,
        }


def order_count(datamodule: ImageDataModule, policy: PaintingPolicy) -> OrderCount | None:
    """Return a counter of paintings in human stroke order; None where there is no example of it.

    Args:
        datamodule: The set, set up.
        policy: The policy that paints.

    Returns:
        None for a set, stroke kind or number of strokes that the examples don't have.
    """
    human, stroke = HumanStrokes("digits"), policy.stroke
    if datamodule.classes != list(human.records):
        return None
    if not human.fit(stroke, policy.environment.strokes):
        return None
    return OrderCount(stroke, human.of(datamodule.classes, stroke))
