"""Learned renderer that needs fewer updates than the papers'."""

import math

import torch
from torch import Tensor, nn

from impasto.bounds import CanvasSize, Count, Width, validated
from impasto.renderers.exported import LearnedRenderer
from impasto.strokes import Stroke

_FOLD = 2  # the network for pixels sees squares of so many pixels on a side at once
_STEEPNESS = 3.0  # of an untrained field, on a canvas of 2 x 2 units
_ROUND = 1e-4  # added to a squared distance, whose root has no gradient at 0
_BLANK = 3.0  # how much likelier than paint a blank pixel is before learning, as a logarithm


@validated
class FieldRenderer(LearnedRenderer):
    """Fields over the canvas whose coefficients are learned from the shape, mixed pixel by pixel.

    The papers' network has to learn where pixels are, and what a place in a shape vector has to do
    with them, from the strokes alone. Here both are given, and the rest is learned:

    1. Layers that may multiply turn a shape p into K fields over places x = (x, y) of the canvas,
       f_k(x) = 1 + b_k(p) - |A_k(p) x + a_k(p)|, the distance in a frame of its own to a point of
       its own. Where one is above 0 lies a disc, an ellipse, or a strip if A_k has rank 1; what
       they are, where, and in which number, the training decides.
    2. Three convolutions, the same for every shape and on squares of 2 x 2 pixels, turn max(f, 0)
       into the probability of each pixel to show one of G opacities, or nothing.
    3. alpha = sum over g of probability_g(x) opacity_g(p), with opacities learned from p.

    Nothing here knows a stroke kind but for its number of parameters. No weight depends on the
    canvas size, and every stroke gives n² examples to one small network: that is what makes it
    learn from few.

    Args:
        stroke: The stroke kind.
        canvas_size: Pixels on a side, n, a multiple of 16.
        fields: How many fields, K.
        opacities: How many opacities a stroke may show, G.
        hidden: Width of the layers for the shape.
        channels: Maps of the layers for pixels.

    Raises:
        UserError: A size is out of its bounds.
    """

    def __init__(
        self,
        stroke: Stroke,
        canvas_size: CanvasSize,
        fields: Count = 32,
        opacities: Count = 8,
        hidden: Width = 256,
        channels: Width = 64,
    ) -> None:
        sizes = {"fields": fields, "opacities": opacities, "hidden": hidden, "channels": channels}
        super().__init__(stroke, canvas_size, **sizes)
        self.register_buffer("terms", _terms(canvas_size), persistent=False)  # (3, n * n)
        self.shape_layers = nn.Sequential(
            nn.Linear(stroke.shape_dim, hidden),
            _Product(hidden),
            _Bend(hidden),
            _Product(hidden),
            _Bend(hidden),
        )
        self.frames = nn.Linear(hidden, fields * 6)
        self.reaches = nn.Linear(hidden, fields)
        self.opacities = nn.Linear(hidden, opacities)
        subpixels = _FOLD**2
        self.pixel_layers = nn.Sequential(
            nn.PixelUnshuffle(_FOLD),
            nn.Conv2d(fields * subpixels, channels, 1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            last := nn.Conv2d(channels, (1 + opacities) * subpixels, 1),
            nn.PixelShuffle(_FOLD),
        )
        with torch.no_grad():  # an untrained renderer draws next to nothing, see NeuralRenderer
            assert last.bias is not None
            last.weight *= 0.5
            last.bias.zero_()
            last.bias[:subpixels] = _BLANK + math.log(opacities)

    def forward(self, shape: Tensor) -> Tensor:
        """Draw shapes (N, S) in [0, 1] as alpha (N, 1, n, n) in [0, 1]."""
        features = self.shape_layers(2 * shape - 1)  # (N, hidden)
        fields = self._fields(features).relu()  # (N, K, n, n)
        shown = self.pixel_layers(fields).softmax(1)[:, 1:]  # (N, G, n, n); the first is nothing
        opacity = self.opacities(features).sigmoid()  # (N, G)
        alpha: Tensor = (shown * opacity[:, :, None, None]).sum(1, keepdim=True)
        return alpha

    def _fields(self, features: Tensor) -> Tensor:
        """Turn features (N, hidden) of shapes into fields (N, K, n, n)."""
        n = self.canvas_size
        frames = _STEEPNESS * self.frames(features).unflatten(1, (-1, 3))  # (N, 2 K, 3)
        across, along = (frames @ self.terms).unflatten(1, (-1, 2)).unbind(2)  # (N, K, n * n)
        distance = (across.square() + along.square() + _ROUND).sqrt()
        reach = 1 + _STEEPNESS * self.reaches(features)  # (N, K)
        fields: Tensor = (reach[:, :, None] - distance).unflatten(2, (n, n))
        return fields


class _Product(nn.Module):
    """Layer u + C (A v * B v) of normalized v: products of parameters are learned at once."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.left, self.right = nn.Linear(width, width), nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, u: Tensor) -> Tensor:
        """Features (N, width) to features (N, width)."""
        v = self.norm(u)
        product: Tensor = self.left(v) * self.right(v)
        changed: Tensor = u + self.out(product)
        return changed


class _Bend(nn.Module):
    """Layer u + B silu(A v) of normalized v, for all that is no polynomial."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner, self.out = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, u: Tensor) -> Tensor:
        """Features (N, width) to features (N, width)."""
        changed: Tensor = u + self.out(nn.functional.silu(self.inner(self.norm(u))))
        return changed


def _terms(size: int) -> Tensor:
    """Return 1, x and y at the pixel centres of a canvas from -1 to 1: (3, size * size)."""
    place = (torch.arange(size) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(place, place, indexing="ij")
    return torch.stack([torch.ones_like(x), x, y]).flatten(1)
