"""The bytes of a picture file as an array.

A picture in memory is a ``(H, W, 3)`` uint8 array, RGB, or ``(H, W, 4)`` with alpha.
"""

import contextlib
import functools
import math
import struct
import warnings
import zlib
from collections.abc import Iterator
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from painting.errors import UserError
from painting.memory import check_reading

# What Pillow may take a file for: pictures of pixels. Left to itself it also starts Ghostscript for
# what looks like PostScript, and parses formats that nobody has tried to break for years.
FORMATS = (
    "AVIF", "BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "QOI", "SGI",
    "TGA", "TIFF", "WEBP",
)  # fmt: skip
OPAQUE = 128  # alpha of 255, from which a pixel counts as painted
_HEIC = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")  # brands of the container
# What Pillow's decoders raise on damaged files; it has no common base class for them.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    ArithmeticError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    AssertionError,
    MemoryError,
    struct.error,
    zlib.error,
)


def decode_image(
    data: bytes, name: str, background: tuple[int, int, int] = (0, 0, 0)
) -> NDArray[np.uint8]:
    """Decode the bytes of a picture file.

    Args:
        data: The whole file.
        name: What to call it in an error.
        background: RGB in 0..255 that shows through transparent pixels.

    Returns:
        ``(H, W, 3)`` uint8, RGB.

    Raises:
        UserError: The bytes are empty, cut off or not a picture.
    """
    with _opened(data, name) as picture:
        return np.array(_to_rgb(_upright(picture), background), dtype=np.uint8)


def decode_picture(data: bytes, name: str) -> NDArray[np.uint8]:
    """Decode the bytes of a picture file, and keep what is transparent.

    Args:
        data: The whole file.
        name: What to call it in an error.

    Returns:
        ``(H, W, 3)`` uint8, RGB; ``(H, W, 4)`` with alpha if there is a pixel that is not opaque.

    Raises:
        UserError: The bytes are empty, cut off or not a picture, or nothing of it can be seen.
    """
    with _opened(data, name) as picture:
        upright = _straight(_upright(picture))
        if _is_see_through(upright):
            layer = np.array(upright.convert("RGBA"), dtype=np.uint8)
            if layer[..., 3].max() < OPAQUE:
                raise UserError(f"{name}: wholly transparent", "give one that shows something")
            if layer[..., 3].min() < 255:
                return layer
        return np.array(_to_rgb(upright, (0, 0, 0)), dtype=np.uint8)


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height that the bytes of a picture file say it has, before it is decoded.

    Returns:
        Pixels; 0 and 0 of what is no picture, which decoding it says.

    Raises:
        PIL.Image.DecompressionBombError: They are more than Pillow takes for a picture.
    """
    try:
        with _open(data) as picture:
            return picture.size
    except _BROKEN:
        return 0, 0


def _open(data: bytes) -> Image.Image:
    with warnings.catch_warnings():
        # Pillow's on pictures that are large or odd: whether there is memory is looked at here.
        warnings.simplefilter("ignore")
        return Image.open(BytesIO(data), formats=_present_formats())


@functools.cache
def _present_formats() -> tuple[str, ...]:
    """The formats that this installation of Pillow knows."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@contextlib.contextmanager
def _opened(data: bytes, name: str) -> Iterator[Image.Image]:
    """A loaded picture; what goes wrong with it in the block is the file's fault too."""
    if not data:
        raise UserError(f"{name}: the file is empty (0 bytes)", "replace or remove it")
    try:
        with warnings.catch_warnings(), _open(data) as picture:
            warnings.simplefilter("ignore")
            check_reading(name, picture.height, picture.width)
            picture.load()
            yield picture
    except UserError:  # which is a ValueError, too
        raise
    except UnidentifiedImageError as error:
        if data[4:8] == b"ftyp" and data[8:12] in _HEIC:
            what = f"{name}: a HEIC picture, which Pillow cannot read"
            raise UserError(what, "save it as JPEG or PNG") from error
        raise UserError(f"{name}: not a picture that Pillow can read", "replace it") from error
    except Image.DecompressionBombError as error:
        side = math.isqrt(2 * (Image.MAX_IMAGE_PIXELS or 0))
        todo = f"make it smaller first, to {side} pixels on the longer side"
        raise UserError(f"{name}: more pixels than Pillow takes for a picture", todo) from error
    except _BROKEN as error:
        raise UserError(f"{name}: damaged or cut off ({error})", "replace or remove it") from error


def _upright(picture: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; damaged EXIF data does not make a picture unreadable."""
    try:
        return ImageOps.exif_transpose(picture)
    except _BROKEN:
        return picture


def _to_rgb(picture: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Convert any Pillow mode to RGB."""
    mode = picture.mode
    if mode.startswith(("I", "F")):
        return Image.fromarray(_scale_deep(np.asarray(picture))).convert("RGB")
    picture = _straight(picture)
    if _is_see_through(picture):
        layer = picture.convert("RGBA")
        backdrop = Image.new("RGBA", layer.size, (*background, 255))
        return Image.alpha_composite(backdrop, layer).convert("RGB")
    return picture.convert("RGB")


def _straight(picture: Image.Image) -> Image.Image:
    """Grey with premultiplied alpha converts to grey with alpha only."""
    return picture.convert("LA") if picture.mode == "La" else picture


def _is_see_through(picture: Image.Image) -> bool:
    modes = ("RGBA", "RGBa", "LA", "PA")
    deep = picture.mode.startswith(("I", "F"))  # Pillow converts these to RGBA by cutting them off
    return picture.mode in modes or ("transparency" in picture.info and not deep)


def _scale_deep(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale grey values of 16 or 32 bits, or floats, to 0..255.

    A file does not say which white it means, so white is the smallest usual one that holds all
    values: 65535 or 2**31 - 1 for integers; 1, 255 or 65535 for floats.
    """
    levels = np.nan_to_num(values.astype(np.float64))
    usual = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (65535.0, 2.0**31 - 1)
    top = levels.max(initial=0.0)
    white = next((level for level in usual if top <= level), top)
    return np.rint(levels.clip(0.0) * (255.0 / white)).astype(np.uint8)
