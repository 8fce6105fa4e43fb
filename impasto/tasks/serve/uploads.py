"""Uploads to a page: checked before they are read."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.bounds import Count, Positive, validated
from impasto.errors import UserError
from impasto.io.decoding import decode_picture, picture_size
from impasto.io.files import read_bytes
from impasto.tasks.serve.storage import TemporaryStorage

_MEGA = 1_000_000
_SECONDS = 3600.0  # that a file is kept


@validated
@dataclass(frozen=True)
class Limits:
    """Upper bounds of what a page accepts.

    Attributes:
        megabytes: Of a file, 10^6 bytes.
        megapixels: Of the picture in it, 10^6 pixels.
        strokes: In a painting.
        megabytes_kept: Of all that lies in the temporary folder.
        megabytes_each: Of it, what one visitor's takes.
    """

    megabytes: Positive = 20
    megapixels: Positive = 50
    strokes: Count = 5000
    megabytes_kept: Positive = 1000
    megabytes_each: Positive = 200

    @property
    def bytes(self) -> int:
        """The largest file."""
        return round(self.megabytes * _MEGA)

    def storage(self, folder: Path, one: bool = False) -> TemporaryStorage:
        """A temporary folder's bound: of what all visitors have, or of one's."""
        return TemporaryStorage(
            folder, (self.megabytes_each if one else self.megabytes_kept) * _MEGA, _SECONDS
        )


def read_upload(path: str | Path, limits: Limits) -> NDArray[np.uint8]:
    """Read a picture that somebody dropped, unless it is too large.

    (H, W, 3) uint8, RGB; (H, W, 4) with alpha if there is a pixel that is not opaque.
    A small file can hold a huge picture, so its size is looked up before it is decoded. In errors
    the file has its own name, without the folder it was put into.

    Raises:
        UserError: It is too large, or no picture.
    """
    path = Path(path)
    try:
        data = read_bytes(path, limits.bytes)
    except FileNotFoundError as error:  # it was dropped long ago
        raise UserError(f"{path.name} is no longer there", "drop it again") from error
    except OSError as error:
        todo = f"give a file of at most {limits.megabytes:g} MB"
        raise UserError(f"{path.name}: {error.strerror}", todo) from error
    todo = f"give a picture of at most {limits.megapixels:g} megapixels"
    try:
        width, height = picture_size(data)
    except Image.DecompressionBombError as error:
        raise UserError(f"{path.name} has far too many pixels", todo) from error
    if width * height > limits.megapixels * _MEGA:
        raise UserError(f"{path.name} has {width} × {height} pixels", todo)
    return decode_picture(data, path.name)
