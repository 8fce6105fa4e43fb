"""Pictures, and networks whose scores one can work out by hand."""

import torch
from torch import Tensor, nn

from impasto.rl.rewards import l2_distance

B, SIZE = 4, 16


def pictures(seed: int = 0) -> Tensor:
    return torch.rand(B, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def plain(*brightness: float) -> Tensor:
    """One picture of 2 x 2 px per number, of that brightness: 12 numbers each."""
    return torch.tensor(brightness).view(-1, 1, 1, 1).expand(-1, 3, 2, 2).clone()


class MeanScore(nn.Module):
    """How much the canvas is like the target in the mean; its one weight is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, target: Tensor, canvas: Tensor) -> Tensor:
        return -self.weight * l2_distance(canvas, target)


class Brightness(nn.Module):
    """Twice the canvas's brightness; the gradient is 2 / 12 in each number, 2 / 12^0.5 long."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, target: Tensor, canvas: Tensor) -> Tensor:
        brightness = (canvas + 0 * target).flatten(1).mean(1)  # a penalty asks for both gradients
        return self.weight * brightness


class BrightnessVector(nn.Module):
    """Brightness times (3, 4), a vector 5 times as long as the canvas is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([3.0, 4.0]))

    def forward(self, target: Tensor, canvas: Tensor) -> Tensor:
        brightness = (canvas + 0 * target).flatten(1).mean(1)
        return brightness[:, None] * self.weight
