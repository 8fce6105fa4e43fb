"""Frame of a drawing: converts shape vectors to pixels and to the units of a record."""

import math
from dataclasses import dataclass

from torch import Tensor

from impasto.runtime.constants import constant

# Algorithm 1 of SARA at its n = 128: a radius r in [0, 1] is 1 + 64 r pixels of a 256 px layer.
_RADIUS_LEAST = 1 / 256
_RADIUS_RANGE = 64 / 256
# A full length (width, height, size) is that of a disc: twice a radius.
LENGTH_LEAST = 2 * _RADIUS_LEAST
LENGTH_RANGE = 2 * _RADIUS_RANGE
_LENGTHS = ("width", "height", "size")


@dataclass(frozen=True)
class Frame:
    """Frame of the pixels to draw: a whole canvas, or one window of it per stroke.

    Attributes:
        height: Rows of the canvas.
        width: Columns of the canvas.
        rows: Rows drawn.
        columns: Columns drawn.
        corner: (N, 2), x and y of each stroke's window, in pixels; None draws the whole canvas.
    """

    height: int
    width: int
    rows: int
    columns: int
    corner: Tensor | None = None

    def pixels(self, point: Tensor) -> Tensor:
        """Convert points (N, ..., 2), fractions of width and height, to pixels from the corner."""
        pixel = point * constant((self.width, self.height), point)
        if self.corner is None:
            return pixel
        corner = self.corner.to(pixel)
        return pixel - corner.view(-1, *[1] * (point.ndim - 2), 2)

    def radius(self, radius: Tensor) -> Tensor:
        """Convert radii in [0, 1] to pixels."""
        return radius_pixels(radius, self.height, self.width)

    def length(self, length: Tensor) -> Tensor:
        """Convert widths, heights and sizes in [0, 1] to pixels, from end to end."""
        return 2 * radius_pixels(length, self.height, self.width)


@dataclass(frozen=True)
class Windows:
    """Windows of a canvas to draw, all of one size: window r shows the stroke owner[r].

    Attributes:
        rows: Rows of every window, H.
        columns: Columns of every window, W.
        owner: (R,) int64; None is every stroke once, R = N.
        corner: (R, 2), x and y of the upper left corners, whole pixels; None is 0.
    """

    rows: int
    columns: int
    owner: Tensor | None = None
    corner: Tensor | None = None


def radius_pixels(radius: Tensor, height: int, width: int) -> Tensor:
    """Convert radii in [0, 1] to pixels: (1 + 64 r) / 256 of the shorter side (Algorithm 1)."""
    return (_RADIUS_LEAST + _RADIUS_RANGE * radius) * min(height, width)


def unit(name: str, turn: float = 2 * math.pi) -> tuple[float, float]:
    """Return a parameter's unit in records, where v of the vector is offset + scale * v.

    Args:
        name: Its name. What starts with radius is a radius; with width, height or size a full
            length, both in fractions of the shorter side; with angle an angle in radians. Anything
            else stays as it is.
        turn: The angle, in radians, after which a stroke looks the same again.

    Returns:
        Offset and scale.
    """
    if name.startswith("radius"):
        return _RADIUS_LEAST, _RADIUS_RANGE
    if name.startswith(_LENGTHS):
        return LENGTH_LEAST, LENGTH_RANGE
    return 0.0, turn if name.startswith("angle") else 1.0
