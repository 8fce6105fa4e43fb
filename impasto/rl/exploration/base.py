"""Interface of an exploration, and the one that does not explore."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Behaviour = Callable[[Tensor], Tensor]
"""An observation (B, 9, n, n) to an action (B, K * D) in [0, 1]."""


class Exploration(ABC):
    """Turns the actor into the behaviour of one rollout; only rollouts explore.

    Whatever a rollout changes for the next ones belongs into `state_dict`, so that a resumed run
    explores like one that was never stopped. Randomness comes from the generator.
    """

    @abstractmethod
    def begin(self, actor: nn.Module, generator: torch.Generator) -> Behaviour:
        """Return the behaviour policy of the rollout that begins now.

        Args:
            actor: pi, in evaluation mode; it is not changed.
            generator: Source of randomness, on the actor's device.
        """

    def end(self) -> None:  # noqa: B027
        """Adapt to the rollout that is over; does nothing by default."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state that rollouts have changed, as values that load safely."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Load what `state_dict` returned."""


class NoExploration(Exploration):
    """No exploration: the actor itself.

    The papers' choice: every episode has a target of its own, and the reward moves.
    """

    def begin(self, actor: nn.Module, generator: torch.Generator) -> Behaviour:
        """Return the actor."""
        return actor
