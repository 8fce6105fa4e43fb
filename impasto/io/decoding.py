"""Decoding of the bytes of a picture file to an array.

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
from typing import Any

import numpy as np
import pi_heif
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from impasto.errors import UserError
from impasto.io.color_profiles import as_srgb
from impasto.runtime.memory import check_reading

# What Pillow may take a file for: pictures of pixels. Left to itself it also starts Ghostscript for
# what looks like PostScript, and parses formats that nobody has tried to break for years.
FORMATS = (
    "AVIF",
    "BMP",
    "DIB",
    "GIF",
    "HEIF",
    "ICO",
    "JPEG",
    "JPEG2000",
    "PCX",
    "PNG",
    "PPM",
    "QOI",
    "SGI",
    "TGA",
    "TIFF",
    "WEBP",
)
_ALIASES = ("MPO",)  # what Pillow calls a JPEG of several pictures, whose first it reads
_PNG_DEPTH = 24  # where in a PNG the bits of a channel stand
_BITS, _SAMPLE_FORMAT = 258, 339  # tags of TIFF
_WORD = 65535.0
_OF_16_BITS = ("PNG", "PPM")  # whose pictures in Pillow's mode of 32 bits have 16
_NEARLY_ALL = 99  # percent of the values; those far above what they need are outliers
_OUTLIER = 2  # times that
OPAQUE = 128  # alpha of 255, from which a pixel counts as painted
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
        layer = _in_srgb(picture, data, name)
        if layer.mode == "RGBA":
            backdrop = Image.new("RGBA", layer.size, (*background, 255))
            layer = Image.alpha_composite(backdrop, layer).convert("RGB")
        return np.array(layer, dtype=np.uint8)


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
        return visible(np.array(_in_srgb(picture, data, name), dtype=np.uint8), name)


def convert_picture(picture: Image.Image, name: str) -> NDArray[np.uint8]:
    """Convert one of Pillow's pictures, of any mode, as `decode_picture` does its file.

    Returns and raises the same; the picture stays open.
    """
    with _faults_of(name):
        if 0 in picture.size:
            raise UserError(f"{name} has no pixels", "give one that shows something")
        picture.load()
        return visible(np.array(_in_srgb(picture, b"", name), dtype=np.uint8), name)


def visible(layer: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Return a picture (H, W, 3 or 4) without an alpha that is opaque everywhere.

    Raises:
        UserError: Nothing of it can be seen.
    """
    if layer.shape[2] == 3 or layer[..., 3].min() == 255:
        return layer[..., :3]
    if layer[..., 3].max() < OPAQUE:
        raise UserError(f"{name}: wholly transparent", "give one that shows something")
    return layer


def picture_size(data: bytes) -> tuple[int, int]:
    """Return width and height by the header of a picture file, before it is decoded.

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
    """Return the formats that this installation of Pillow knows."""
    Image.init()
    pi_heif.register_heif_opener(thumbnails=False)
    return tuple(name for name in FORMATS if name in Image.OPEN)


@functools.cache
def picture_suffixes() -> frozenset[str]:
    """Return the suffixes of picture files in the supported formats, in lower case."""
    formats = {*_present_formats(), *_ALIASES}
    return frozenset(end for end, name in Image.registered_extensions().items() if name in formats)


@contextlib.contextmanager
def _opened(data: bytes, name: str) -> Iterator[Image.Image]:
    """Open a picture; whatever goes wrong with it in the block is the file's fault too."""
    if not data:
        raise UserError(f"{name}: the file is empty (0 bytes)", "replace or remove it")
    with _faults_of(name), warnings.catch_warnings(), _open(data) as picture:
        warnings.simplefilter("ignore")
        check_reading(name, picture.height, picture.width)
        picture.load()
        yield picture


@contextlib.contextmanager
def _faults_of(name: str) -> Iterator[None]:
    """Turn what Pillow raises on damaged pictures into an error of the user."""
    try:
        yield
    except UserError:  # which is a ValueError, too
        raise
    except UnidentifiedImageError as error:
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


def _in_srgb(picture: Image.Image, data: bytes, name: str) -> Image.Image:
    """Convert a picture of any Pillow mode to upright sRGB: RGB, or RGBA if it is transparent."""
    upright, transparent = _upright(picture), _transparent_color(picture, data)
    if picture.mode.startswith(("I", "F")):
        values = _unsigned(picture, np.asarray(upright))
        layer = as_srgb(Image.fromarray(_as_words(values, _white(picture, values))), picture, name)
        if transparent is not None:
            layer.putalpha(Image.fromarray((values != transparent) * np.uint8(255)))
        return layer
    if transparent is not None:
        upright.info["transparency"] = transparent
    if not upright.has_transparency_data:
        return as_srgb(upright.convert("RGB") if upright.mode == "P" else upright, picture, name)
    if upright.mode == "La":  # grey with premultiplied alpha converts to grey with alpha only
        upright = upright.convert("LA")
    grey = upright.mode == "LA"
    upright = upright if grey else upright.convert("RGBA")
    layer = as_srgb(upright.getchannel("L") if grey else upright.convert("RGB"), picture, name)
    layer.putalpha(upright.getchannel("A"))
    return layer


def _transparent_color(picture: Image.Image, data: bytes) -> Any:
    """Return the value that is transparent wherever it stands, in the picture's own levels.

    Pillow passes on what a PNG says of it in the levels of the file, but for palettes and bytes;
    without the file's `data` it's as Pillow has it.
    """
    value = picture.info.get("transparency")
    if picture.format != "PNG" or value is None or isinstance(value, bytes) or not data:
        return value
    depth = data[_PNG_DEPTH]
    if picture.mode == "L" and depth < 8:
        return value * 255 // (2**depth - 1)
    if picture.mode == "RGB" and depth == 16:
        return tuple(level >> 8 for level in value)
    return value


def _unsigned(picture: Image.Image, values: NDArray[Any]) -> NDArray[Any]:
    """Correct TIFF's unsigned integers of 32 bits, which Pillow takes for signed ones."""
    tags = getattr(picture, "tag_v2", {})
    unsigned = tags.get(_SAMPLE_FORMAT, (1,))[0] == 1 and tags.get(_BITS, (0,))[0] == 32
    return values.view(np.uint32) if unsigned and values.dtype == np.int32 else values


def _white(picture: Image.Image, values: NDArray[Any]) -> float:
    """Return the value that is white in a grey picture of 16 or 32 bits, or of floats.

    Of 16 bits it's the highest that there is. Floats within 0 and 1 have 1. Otherwise files do not
    say, and it's what nearly all values need: the largest that is no outlier, or 255 or 65535 if it
    is about that.
    """
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format in _OF_16_BITS):
        return _WORD
    positive = values[np.isfinite(values) & (values > 0)].astype(np.float64)
    if not positive.size:
        return 1.0
    usual = np.percentile(positive, _NEARLY_ALL, method="lower")
    top = float(positive[positive <= _OUTLIER * usual].max())
    if values.dtype.kind == "f" and top <= 1:
        return 1.0
    return next((white for white in (255.0, _WORD) if 0.95 * white <= top <= white), top)


def _as_words(values: NDArray[Any], white: float) -> NDArray[np.uint16]:
    """Scale values to 16 bits; NaN becomes black."""
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return values.astype(np.uint16)
    levels = np.nan_to_num(values.astype(np.float64), posinf=white)
    return np.rint(levels.clip(0.0, white) * (_WORD / white)).astype(np.uint16)
