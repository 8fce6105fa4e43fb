"""Picture of a brush: read from a file, stored as text, and shrunk ahead of time.

Shapes: h rows and w columns of the picture, whose pixels are called texels; P, the side of the
square that holds it, a power of two.
"""

import base64
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from impasto.errors import UserError
from impasto.io.decoding import decode_image, picture_size
from impasto.io.files import PICTURE, read_bytes
from impasto.io.images import PNG_DATA_URI, png_data_uri
from impasto.runtime.constants import constant

LARGEST = 2048  # pixels on a side


def read_brush(image: str | Path | None, invert: bool) -> NDArray[np.uint8]:
    """Read the paint of a brush.

    Args:
        image: A grayscale picture's file, or what `embedded` returned.
        invert: Whether black paints, not white. What is transparent never does.

    Returns:
        (h, w) uint8, 255 is full paint.

    Raises:
        UserError: It is missing, no picture, too large, not grayscale, or paints nothing.
    """
    if image is None:
        raise UserError(
            "`image` is not set: `Brush` needs a picture of the brush",
            "give `image=FILE`, a grayscale PNG whose white paints",
        )
    data, name = _bytes_of(str(image))
    _check_size(data, name)
    backdrop = (255, 255, 255) if invert else (0, 0, 0)
    picture = decode_image(data, name, backdrop)  # (h, w, 3)
    if (picture != picture[..., :1]).any():
        raise UserError(
            f"{name}: a brush in colours", "give a grayscale picture; strokes have their own colour"
        )
    paint = 255 - picture[..., 0] if invert else picture[..., 0]
    if not paint.any():
        other = str(not invert).lower()
        raise UserError(
            f"{name}: an empty brush, which paints nothing",
            f"give a picture with {'black' if invert else 'white'} in it, or `invert={other}`",
        )
    return np.ascontiguousarray(paint)


def is_embedded(image: object) -> bool:
    """Return True for what `embedded` returns, or made so; not for a file's name."""
    return isinstance(image, str) and image.startswith(PNG_DATA_URI)


def embedded(paint: NDArray[np.uint8]) -> str:
    """Encode the paint (h, w) of a brush as text that `read_brush` takes for its image."""
    return png_data_uri(paint)


def _bytes_of(image: str) -> tuple[bytes, str]:
    """Return a picture's file, and its name for an error."""
    try:
        if is_embedded(image):
            name = "`image` (the embedded brush)"
            return base64.b64decode(image.removeprefix(PNG_DATA_URI), validate=True), name
        return read_bytes(Path(image).expanduser(), PICTURE), f"`image={image}`"
    except ValueError as error:  # not base64; or a name that no file can have
        raise UserError("`image` can't be read", "give the name of a picture") from error
    except OSError as error:
        what = f"`image={image}`: cannot be read ({error.strerror})"
        raise UserError(what, "give a grayscale PNG; check its name and its permissions") from error


def _check_size(data: bytes, name: str) -> None:
    """Refuse a large picture before it is decoded; what is no picture, the decoder refuses."""
    try:
        width, height = picture_size(data)
    except Image.DecompressionBombError:
        width = height = LARGEST + 1
    if max(width, height) > LARGEST:
        raise UserError(
            f"{name}: a brush of more than {LARGEST} pixels ({width} x {height})",
            f"shrink it to at most {LARGEST} pixels on a side; a few hundred are plenty",
        )


class Pyramid:
    """Mipmap of a brush: all sizes by halves, side by side in one picture.

    Level l has P / 2^l texels on a side, each the mean of 2^l by 2^l; nothing lies around it.

    Args:
        paint: (h, w) uint8.

    Attributes:
        levels: The number of the last level, of one texel; log2(P).
    """

    def __init__(self, paint: NDArray[np.uint8]) -> None:
        height, width = paint.shape
        side = 1 << (max(height, width) - 1).bit_length()  # P
        top, left = (side - height) // 2, (side - width) // 2
        self.levels = side.bit_length() - 1
        self.height, self.width = height, width
        self._middle = (left + width / 2, top + height / 2)
        square = torch.zeros(1, 1, side, side)
        square[0, 0, top : top + height, left : left + width] = torch.from_numpy(paint) / 255
        atlas = torch.zeros(1, 1, side + 2, 2 * side + 2 * self.levels + 1)
        self._starts = []
        start = 1
        for level in range(self.levels + 1):
            texels = functional.avg_pool2d(square, 2**level)
            self._starts.append(start)
            atlas[:, :, 1 : texels.shape[2] + 1, start : start + texels.shape[3]] = texels
            start += texels.shape[3] + 2
        self._atlas = atlas
        self._copies: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def sample(self, u: Tensor, v: Tensor, level: Tensor) -> Tensor:
        """Sample values bilinearly at places, of one level per stroke.

        Bilinear interpolation is the exact mean of these texels over a square of a texel's size.

        Args:
            u: (N, H, W), texels of level 0 to the right of the brush's middle.
            v: (N, H, W), texels below it.
            level: (N,) int64, 0 to `levels`.

        Returns:
            (N, H, W) in [0, 1]; 0 outside of the brush.
        """
        key = u.dtype, u.device
        if key not in self._copies:
            self._copies[key] = self._atlas.to(u)
        atlas = self._copies[key]
        scale = torch.exp2(-level.to(u))[:, None, None]
        # Whatever lies outside is read from between two rows or columns of nothing.
        side = 2.0 ** (self.levels - level).to(u)[:, None, None] + 0.75
        start = constant(self._starts, u)[level][:, None, None]
        x = ((u + self._middle[0]) * scale).clamp(min=-0.75).minimum(side) + start
        y = ((v + self._middle[1]) * scale).clamp(min=-0.75).minimum(side) + 1
        rows, columns = atlas.shape[2:]
        places = torch.stack([2 * x / columns - 1, 2 * y / rows - 1], dim=-1)  # (N, H, W, 2)
        values = functional.grid_sample(
            atlas,
            places.view(1, -1, places.shape[2], 2),
            mode="bilinear",
            padding_mode="zeros",
            align_corners=False,
        )
        return values.view(u.shape)
