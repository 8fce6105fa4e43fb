"""Uploads to a page: checked before they are read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.bounds import Count, Positive, validated
from impasto.errors import UserError
from impasto.io.decoding import decode_picture, picture_size

_MEGA = 1_000_000


@validated
@dataclass(frozen=True)
class Limits:
    """Upper bounds of what a page accepts.

    Attributes:
        megabytes: Of a file, 10^6 bytes.
        megapixels: Of the picture in it, and of a painting that is downloaded, 10^6 pixels.
        strokes: In a painting.
        visitors: Whose pictures and paintings are kept; who comes next takes the place of the one
            who was away for longest.
    """

    megabytes: Positive = 20
    megapixels: Positive = 50
    strokes: Count = 5000
    visitors: Count = 20

    @property
    def bytes(self) -> int:
        """The largest file."""
        return round(self.megabytes * _MEGA)

    def check_pixels(self, name: str, height: int, width: int) -> None:
        """Check that a picture is not too large.

        Raises:
            UserError: It is.
        """
        if width * height > self.megapixels * _MEGA:
            todo = f"give a picture of at most {self.megapixels:g} megapixels"
            raise UserError(f"{name} has {width} × {height} pixels", todo)


def read_upload(data: bytes, name: str, limits: Limits) -> NDArray[np.uint8]:
    """Read a picture that somebody dropped, unless it is too large.

    (H, W, 3) uint8, RGB; (H, W, 4) with alpha if there is a pixel that is not opaque.
    A small file can hold a huge picture, so its size is looked up before it is decoded.

    Args:
        data: The file.
        name: What it is called in errors.
        limits: What is too large.

    Raises:
        UserError: It is too large, or no picture.
    """
    if len(data) > limits.bytes:
        raise UserError(f"{name} is too large", f"give a file of at most {limits.megabytes:g} MB")
    try:
        width, height = picture_size(data)
    except Image.DecompressionBombError as error:
        todo = f"give a picture of at most {limits.megapixels:g} megapixels"
        raise UserError(f"{name} has far too many pixels", todo) from error
    limits.check_pixels(name, height, width)
    return decode_picture(data, name)
