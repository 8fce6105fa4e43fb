"""Upsampling network of the painters of Neural Painters."""

import torch
from torch import Tensor, nn

_FOLD = 8  # of canvas to the first maps, on a side
_FINE = 4  # maps at full size
_BLANK = -2.0  # the last bias at the start: most of a stroke's canvas is blank
_FAINT = 0.1  # how strongly grain shows at the start


class Upsampling(nn.Sequential):
    """Decoder of features (N, F) to logits of alpha (N, 1, n, n): dense, then three doublings.

    It begins from 4 C maps on an eighth of the side. A doubling is a convolution and a pixel
    shuffle, and halves the maps; the last one leaves four, as maps of full size are what costs.

    Args:
        features: How many numbers, F.
        canvas_size: Pixels on a side, n, a multiple of 16.
        channels: C.
        grain: Whether pictures are added to the maps that are learned, and the same for all
            numbers: see `Grain`.
    """

    def __init__(self, features: int, canvas_size: int, channels: int, grain: bool) -> None:
        side = canvas_size // _FOLD

        def grained(maps: int, side: int) -> list[nn.Module]:
            return [*([Grain(maps, side)] if grain else []), nn.ReLU()]

        last = nn.Conv2d(_FINE, 1, 3, padding=1)
        assert last.bias is not None
        nn.init.constant_(last.bias, _BLANK)
        super().__init__(
            nn.Linear(features, 4 * channels * side * side),
            nn.ReLU(),
            nn.Unflatten(1, (4 * channels, side, side)),
            nn.Conv2d(4 * channels, 8 * channels, 3, padding=1),
            nn.PixelShuffle(2),
            *grained(2 * channels, 2 * side),
            nn.Conv2d(2 * channels, 4 * channels, 3, padding=1),
            nn.PixelShuffle(2),
            *grained(channels, 4 * side),
            nn.Conv2d(channels, channels, 3, padding=1),
            *grained(channels, 4 * side),
            nn.Conv2d(channels, 4 * _FINE, 3, padding=1),
            nn.PixelShuffle(2),
            *grained(_FINE, canvas_size),
            last,
        )


class Grain(nn.Module):
    """Adds a learned picture to maps (N, C, n, n), as paper has grain.

    Where a brush draws with random numbers, its texture can't be told from the shape. What is the
    same everywhere on a canvas, as the sums of a convolution are, can't make any, either. This can,
    and is no noise: the same shape looks the same every time.

    Args:
        channels: C.
        side: Pixels on a side, n.
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.picture = nn.Parameter(torch.randn(1, channels, side, side))
        self.strength = nn.Parameter(torch.full((1, channels, 1, 1), _FAINT))

    def forward(self, maps: Tensor) -> Tensor:
        """Add the grain to maps (N, C, n, n)."""
        return maps + self.strength * self.picture
