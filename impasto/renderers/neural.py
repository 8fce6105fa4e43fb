"""Neural renderer of the papers."""

from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Ge, MultipleOf
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from impasto.bounds import CanvasSize, Width, validated
from impasto.renderers.base import dense_layers
from impasto.renderers.exported import LearnedRenderer
from impasto.strokes import Stroke

_UPSAMPLING = 8  # three pixel shuffles, each x 2
# On a CPU the maps of more pixels than these are drawn again in the backward pass: those of an
# update of 96 would take 300 MB, and take 4 % of its time.
_KEPT_PIXELS = 2**22


@validated
class NeuralRenderer(LearnedRenderer):
    """Fully connected layers, then three times two convolutions and a pixel shuffle.

    ICCV 2019, Figure 12. At 128 px with the defaults it is the authors' network: 10 -> 512 -> 1024
    -> 2048 -> 4096, seen as 16 x 16 x 16, 11.0 M parameters. The last bias starts low, so that an
    untrained renderer draws next to nothing, as most of a stroke's canvas is: from a start at 0.5
    the ReLUs are prone to die while it learns to be blank.

    Args:
        stroke: The stroke kind.
        canvas_size: Pixels on a side, n, a multiple of 16.
        hidden: Widths of the fully connected layers.
        channels: Maps that the convolutions start from, a multiple of 4.

    Raises:
        UserError: A size is out of its bounds.
    """

    def __init__(
        self,
        stroke: Stroke,
        canvas_size: CanvasSize,
        hidden: Sequence[Width] = (512, 1024, 2048),
        channels: Annotated[int, Ge(4), MultipleOf(4)] = 16,
    ) -> None:
        super().__init__(stroke, canvas_size, hidden=list(hidden), channels=channels)
        side = canvas_size // _UPSAMPLING
        widths = [stroke.shape_dim, *hidden, channels * side * side]
        self.dense = nn.Sequential(*dense_layers(widths), nn.Unflatten(1, (channels, side, side)))
        self.draw = nn.Sequential(
            *_upsample(channels, 2 * channels, 2 * channels),
            *_upsample(channels // 2, channels, channels),
            *_upsample(channels // 4, channels // 2, 4),
        )
        last = self.draw[-2]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.constant_(last.bias, -3.0)

    def forward(self, shape: Tensor) -> Tensor:
        """Draw shapes (N, S) in [0, 1] as alpha (N, 1, n, n) in [0, 1]."""
        maps = self.dense(shape)  # (N, channels, n / 8, n / 8)
        many = maps.device.type == "cpu" and len(maps) * self.canvas_size**2 > _KEPT_PIXELS
        if many and torch.is_grad_enabled() and maps.requires_grad:
            drawn: Tensor = checkpoint(self.draw, maps, use_reentrant=False)
        else:
            drawn = self.draw(maps)
        return torch.sigmoid(drawn)  # (N, 1, n, n)


def _upsample(channels: int, inner: int, out: int) -> list[nn.Module]:
    """Two convolutions and a pixel shuffle: (channels, h, w) to (out / 4, 2h, 2w)."""
    return [
        nn.Conv2d(channels, inner, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(inner, out, 3, padding=1),
        nn.PixelShuffle(2),
    ]
