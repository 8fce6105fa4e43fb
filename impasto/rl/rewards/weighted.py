"""A weighted sum of rewards."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from impasto.errors import UserError
from impasto.rl.rewards.base import LearnedReward, Reward


class WeightedReward(LearnedReward):
    """r = sum over parts of weight * r of the part.

    Parts that learn do so as they would alone: the weights are on their rewards, not on their
    losses.

    Args:
        parts: The rewards, by a name for each.
        weights: The factor on each, by the same names.
    """

    def __init__(self, parts: Mapping[str, Reward], weights: Mapping[str, float]) -> None:
        super().__init__()
        _check_names(parts, weights)
        self.parts = nn.ModuleDict(parts)
        self.weights = {name: float(weight) for name, weight in weights.items()}

    @property
    def learned(self) -> dict[str, LearnedReward]:
        """The parts that learn, by name."""
        parts = self.parts.items()
        return {name: part for name, part in parts if isinstance(part, LearnedReward)}

    @property
    def trained(self) -> nn.ModuleList:
        """The networks of the parts that learn; none if no part does."""
        return nn.ModuleList(part.trained for part in self.learned.values())

    def score(self, canvas: Tensor, target: Tensor) -> Tensor:
        """Return the weighted sum of the parts' scores, (B,) each."""
        total = canvas.new_zeros(canvas.shape[0])
        for name, part in self.parts.items():
            assert isinstance(part, Reward)
            total = total + self.weights[name] * part.checked_score(canvas, target)
        return total

    def loss(
        self, canvas: Tensor, target: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the unweighted sum of the parts' losses, and metrics as ``<part>_<name>``."""
        total = canvas.new_zeros(())
        metrics: dict[str, Tensor] = {}
        for name, part in self.learned.items():
            loss, of_part = part.loss(canvas, target, generator)
            total = total + loss
            metrics |= {f"{name}_loss": loss.detach()}
            metrics |= {f"{name}_{key}": value for key, value in of_part.items()}
        return total, metrics

    def update_target(self) -> None:
        """Average the target networks of all parts that learn."""
        for part in self.learned.values():
            part.update_target()


def _check_names(parts: Mapping[str, Reward], weights: Mapping[str, float]) -> None:
    """Check that parts and weights go together.

    Raises:
        UserError: One is without the other, there are none, or a name is none.
    """
    if not parts:
        raise UserError("`parts` is empty", "add one")
    for name in parts:
        if name not in weights:
            todo = f"add `WeightedReward.weights.{name}=1`"
            raise UserError(f"the reward's part {name} has no weight", todo)
        if not name.isidentifier() or hasattr(nn.ModuleDict, name):
            raise UserError(f"a part of the reward is called {name!r}", "give it another name")
    for name, weight in weights.items():
        if name not in parts:
            todo = f"leave it out, or add `parts.{name}`"
            raise UserError(
                f"`WeightedReward.weights` names {name}, which is no part of the reward", todo
            )
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise UserError(f"`WeightedReward.weights.{name}` is {weight!r}", "give a number")
