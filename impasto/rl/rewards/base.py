"""The interface of a reward."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from impasto.runtime.precision import full_precision


class Reward(nn.Module, ABC):
    """r(s_t, a_t) = L_t - L_{t+1} (ICCV 2019, Eq. 1), with the loss L given as ``-score``.

    A further reward subclasses this and says how good a canvas is; a learned one subclasses
    `LearnedReward`.
    """

    @abstractmethod
    def score(self, canvas: Tensor, target: Tensor) -> Tensor:
        """Score canvases, higher is better: (B, 3, H, W) twice to (B,)."""

    @property
    def trained(self) -> nn.Module:
        """The network that learns: one without parameters, where the reward learns nothing."""
        return nn.Module()

    def forward(self, canvas: Tensor, next_canvas: Tensor, target: Tensor) -> Tensor:
        """Return the reward of painting `canvas` into `next_canvas`.

        Both are scored in one pass, unless only one of them is differentiated.

        Args:
            canvas: C_t, (B, 3, H, W).
            next_canvas: C_{t+1}, (B, 3, H, W).
            target: I, (B, 3, H, W).

        Returns:
            (B,).

        Raises:
            ValueError: `score` did not return one number per canvas.
        """
        with full_precision(canvas):  # of two nearly equal scores the difference counts
            if next_canvas.requires_grad and not canvas.requires_grad:
                with torch.no_grad():
                    before = self.checked_score(canvas, target)
                return self.checked_score(next_canvas, target) - before
            both = torch.cat([canvas, next_canvas])
            before, after = self.checked_score(both, torch.cat([target, target])).chunk(2)
        return after - before

    def checked_score(self, canvas: Tensor, target: Tensor) -> Tensor:
        """Return `score`, checked to be (B,)."""
        return one_per_canvas(
            self.score(canvas, target), canvas.shape[0], f"{type(self).__name__}.score"
        )


def one_per_canvas(score: Tensor, count: int, judge: str) -> Tensor:
    """Check that there is one number per canvas.

    A (B, 1) would broadcast against values of (B,) to (B, B), and nothing would complain.

    Args:
        score: The numbers.
        count: Number of canvases, B.
        judge: Name of the function that returned them, for the error.

    Raises:
        ValueError: It is not (count,).
    """
    if score.shape != (count,):
        raise ValueError(
            f"{judge} returned {tuple(score.shape)} for {count} canvases, not ({count},)"
        )
    return score


class LearnedReward(Reward):
    """A reward whose score is itself trained, by a loss and an optimizer of its own.

    Subclasses score with a target network, so that the reward changes slowly. Of every update the
    order is: `loss`, a step of `trained`, `update_target`.
    """

    @property
    @abstractmethod
    def trained(self) -> nn.Module:
        """The network that learns; everything else of this module is frozen."""

    def train(self, mode: bool = True) -> "LearnedReward":
        """Set the mode of what learns; the rest stays in evaluation mode."""
        super().train(False)
        self.trained.train(mode)
        return self

    @abstractmethod
    def loss(
        self, canvas: Tensor, target: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of `trained` on painted canvases.

        Args:
            canvas: C_{t+1}, (B, 3, H, W).
            target: I, (B, 3, H, W).
            generator: Source of randomness.

        Returns:
            A scalar, and metrics to log.
        """

    @abstractmethod
    def update_target(self) -> None:
        """Average the target network after each step of `trained`."""
