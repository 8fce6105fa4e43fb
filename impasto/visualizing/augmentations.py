"""Random views of pictures: shifted, scaled and turned a little, many at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from impasto.bounds import Count, Fraction, NotNegative, validated


@validated
@dataclass(frozen=True)
class Views:
    """Random views of a picture that is being optimized.

    A picture that convinces only from exactly one point of view is noise; so at every step it is
    looked at anew (Mordvintsev et al., "Inceptionism", 2015; Olah et al., "Feature Visualization",
    2017).

    Attributes:
        count: Views of a step, V.
        shift: How far a view is shifted at most, as a share of the sides.
        scale: By how much it is larger or smaller at most: 0.2 is 1 / 1.2 to 1.2.
        angle: How far it is turned at most, degrees.

    Raises:
        UserError: One of them is below 0, or there is no view.
    """

    count: Count = 8
    shift: Fraction = 0.05
    scale: NotNegative = 0.1
    angle: Annotated[float, Ge(0), Le(180)] = 8.0

    @property
    def same(self) -> bool:
        """Return True if every view is the picture itself."""
        return self.shift == self.scale == self.angle == 0

    def draw(self, generator: torch.Generator, device: torch.device | str = "cpu") -> Tensor:
        """Draw views, uniform in shift, angle and the logarithm of scale.

        Args:
            generator: Source of randomness, on the CPU, so that every device sees the same.
            device: Where the result lies.

        Returns:
            Maps (V, 2, 3): see `view_maps`.
        """
        random = 2 * torch.rand(self.count, 4, generator=generator) - 1
        return view_maps(
            self.shift * random[:, :2],
            torch.exp(math.log1p(self.scale) * random[:, 2]),
            math.radians(self.angle) * random[:, 3],
        ).to(device)


def view_maps(shift: Tensor, scale: Tensor, angle: Tensor) -> Tensor:
    """Return the maps from places in a view to places in the picture, both from -1 to 1.

    The picture is turned around its centre by `angle`, enlarged by `scale`, and then moved.

    Args:
        shift: (V, 2), to the right and down, as shares of the sides.
        scale: (V,).
        angle: (V,), radians clockwise.

    Returns:
        (V, 2, 3).
    """
    cos, sin = angle.cos() / scale, angle.sin() / scale
    turn = torch.stack([cos, sin, -sin, cos], dim=1).view(-1, 2, 2)  # the inverse turn
    return torch.cat([turn, -2 * turn @ shift[:, :, None]], dim=2)


def view_pictures(pictures: Tensor, maps: Tensor, background: Sequence[float]) -> Tensor:
    """Return views of pictures.

    Args:
        pictures: (V, C, H, W), or (C, H, W) for views of the same one. A turn is one of pixels: it
            keeps circles round if the sides are equal.
        maps: (V, 2, 3): see `view_maps`.
        background: (C,), what is seen beside a picture.

    Returns:
        (V, C, H, W), bilinear.
    """
    pictures = pictures.expand(len(maps), *pictures.shape[-3:])
    ground = pictures.new_tensor(list(background)).view(1, -1, 1, 1)
    grid = affine_grid(maps, list(pictures.shape), align_corners=False)
    return ground + grid_sample(pictures - ground, grid, align_corners=False)
