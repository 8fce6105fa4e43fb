"""Neural renderer of the papers."""

import itertools
from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Ge, Le, MultipleOf
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from impasto.bounds import CanvasSize, Width, validated
from impasto.errors import UserError
from impasto.renderers.base import dense_layers
from impasto.renderers.exported import LearnedRenderer
from impasto.strokes import Stroke

_UPSAMPLING = 8  # three pixel shuffles, each x 2
# On a CPU the maps of more pixels than these are drawn again in the backward pass: those of an
# update of 96 would take 300 MB, and take 4 % of its time.
_KEPT_PIXELS = 2**22
_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


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
        activation: Between layers: ``relu``, as the papers, ``leaky_relu``, ``elu``, ``gelu`` or
            ``silu`` (Kumar et al., section 3.1.1, try others).
        convolutions: Of each doubling; the papers' two, or more (the same section).

    Raises:
        UserError: A size is out of its bounds, or there is no such activation.
    """

    def __init__(
        self,
        stroke: Stroke,
        canvas_size: CanvasSize,
        hidden: Sequence[Width] = (512, 1024, 2048),
        channels: Annotated[int, Ge(4), MultipleOf(4)] = 16,
        activation: str = "relu",
        convolutions: Annotated[int, Ge(2), Le(16)] = 2,
    ) -> None:
        if activation not in _ACTIVATIONS:
            raise UserError(f"`activation` is {activation!r}", f"give {', '.join(_ACTIVATIONS)}")
        more = {"activation": activation, "convolutions": convolutions}
        super().__init__(stroke, canvas_size, hidden=list(hidden), channels=channels, **more)
        nonlinear = _ACTIVATIONS[activation]
        side = canvas_size // _UPSAMPLING
        widths = [stroke.shape_dim, *hidden, channels * side * side]
        self.dense = nn.Sequential(
            *dense_layers(widths, nonlinear), nn.Unflatten(1, (channels, side, side))
        )
        self.draw = nn.Sequential(
            *_upsample(channels, 2 * channels, 2 * channels, nonlinear, convolutions),
            *_upsample(channels // 2, channels, channels, nonlinear, convolutions),
            *_upsample(channels // 4, channels // 2, 4, nonlinear, convolutions),
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


def _upsample(
    channels: int, inner: int, out: int, activation: type[nn.Module], convolutions: int
) -> list[nn.Module]:
    """Convolutions and a pixel shuffle: (channels, h, w) to (out / 4, 2h, 2w)."""
    widths = [channels, *[inner] * (convolutions - 1), out]
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(widths):
        layers += [nn.Conv2d(fan_in, fan_out, 3, padding=1), activation()]
    return [*layers[:-1], nn.PixelShuffle(2)]
