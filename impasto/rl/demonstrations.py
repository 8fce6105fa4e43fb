"""Preconditioning: a painter first learns strokes by hand, and then to paint (Nakano, 2019, 4)."""

from pathlib import Path

from impasto.bounds import Count, Fraction, NotNegative, Whole, validated
from impasto.rl.human_strokes import HumanStrokes


@validated
class Preconditioning:
    """Schedule by which a painter first learns a person's strokes.

    Counting updates from 0, those below `updates` regress the strokes of each picture's class and
    nothing else; the discriminator rests. From there on the painter learns as it does without, and
    the regression's mean squared error, in units of the action, is added with a weight that falls:

        w(u) = weight * factor ** floor((u - updates) / every)

    Args:
        examples: One example for each class: see `HumanStrokes`.
        updates: Of the first phase.
        weight: Of the regression when the second phase begins; 0 drops it there.
        factor: By which the weight falls each time.
        every: Updates from one time to the next.
    """

    def __init__(
        self,
        examples: str | Path = "digits",
        updates: Whole = 1000,
        weight: NotNegative = 10.0,
        factor: Fraction = 0.5,
        every: Count = 500,
    ) -> None:
        self.examples: HumanStrokes | None = HumanStrokes(examples)
        self.updates = updates
        self.weight = weight
        self.factor = factor
        self.every = every

    def is_alone(self, update: int) -> bool:
        """Return True if update number `update`, from 0 on, regresses strokes and nothing else."""
        return update < self.updates

    def weight_at(self, update: int) -> float:
        """Return w(u), as above; 1 while the regression is alone."""
        if self.is_alone(update):
            return 1.0
        times = (update - self.updates) // self.every
        return float(self.weight * self.factor**times)


class NoPreconditioning(Preconditioning):
    """No preconditioning: a painter finds an order of its own."""

    def __init__(self) -> None:
        self.examples = None
        self.updates, self.weight, self.factor, self.every = 0, 0.0, 1.0, 1
