"""Conversion of a picture file's colours to sRGB, by the profile in the file."""

import functools
import logging
import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

log = logging.getLogger(__name__)

Point = tuple[float, float]  # x and y of CIE 1931
Convert = Callable[[Image.Image], Image.Image]

_SRGB: tuple[Point, ...] = ((0.3127, 0.329), (0.64, 0.33), (0.3, 0.6), (0.15, 0.06))  # white, R G B
_ADOBE: tuple[Point, ...] = ((0.3127, 0.329), (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_P3: tuple[Point, ...] = ((0.3127, 0.329), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
_ADOBE_GAMMA = 563 / 256  # Adobe RGB (1998), section 4.3.1.2
_SRGB_GAMMA = 0.45455  # what a PNG says beside sRGB: of a curve that is no power, the nearest one
_SAME = 0.002  # how far apart figures may lie that say the same in PNG
_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # sRGB's own
_D50 = np.array([0.9642, 1.0, 0.8249])  # XYZ of ICC's white
# Bradford's cone responses, by which ICC moves other whites to D50.
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_UNSEEN = 2  # levels: profiles that differ from sRGB by less are sRGB, rounded otherwise
_KEPT = 4  # profiles whose conversion is kept, as the next picture often has the same
_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab ": "LAB"}  # ICC's name: Pillow's mode
_HEIF_P3 = 12  # colour primaries of Display P3 in ITU-T H.273
_ADOBE_MARK = b"R03\0"  # the EXIF interoperability index of a camera's Adobe RGB
_INTEROPERABILITY = 0xA005


def as_srgb(picture: Image.Image, source: Image.Image, name: str) -> Image.Image:
    """Convert a picture to sRGB.

    Args:
        picture: Colours without alpha, of any mode but palettes; grey of 16 bits is I;16.
        source: The picture as it was opened, which has the profile.
        name: What to call it in the remark that its profile is damaged.

    Returns:
        The same in mode RGB; where there is no profile, or sRGB's, its values unchanged.
    """
    bytewise = picture
    if picture.mode == "I;16":
        bytewise = Image.fromarray(grey_of_words(np.asarray(picture)))
    try:
        profile = _profile_of(source)
        if profile is not None and (conversion := _conversion(profile, picture.mode)) is not None:
            mode, convert = conversion
            return convert(picture if picture.mode == mode else bytewise.convert(mode))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, ArithmeticError, struct.error):
        log.warning("%s: its colour profile is damaged or of another kind; read as sRGB", name)
    return bytewise.convert("RGB")


def grey_of_words(words: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Convert grey values of 16 bits to 8 bits."""
    return ((words.astype(np.uint32) + 128) // 257).astype(np.uint8)


@functools.lru_cache(_KEPT)
def _conversion(profile: bytes, mode: str) -> tuple[str, Convert] | None:
    """Return the conversion of pictures from an ICC profile to sRGB.

    Args:
        profile: The whole profile.
        mode: The pictures' mode.

    Returns:
        The mode that it takes, and the conversion; None where the pictures are in sRGB.

    Raises:
        PIL.ImageCms.PyCMSError: The profile is damaged.
        ValueError: It's not for pictures of this mode.
    """
    opened, srgb = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
    space = _SPACES.get(opened.profile.xcolor_space.ljust(4), "")
    grey = mode in ("1", "L", "I;16")
    if not {"L": grey, "RGB": mode not in ("CMYK", "LAB")}.get(space, space == mode):
        raise ValueError(f"a profile for {opened.profile.xcolor_space} in a picture of {mode}")
    if space == "L":
        return _conversion_of_grey(opened, "I;16" if mode == "I;16" else "L")
    convert = ImageCms.buildTransform(opened, srgb, space, "RGB").apply
    if space == "RGB":
        levels = np.linspace(0, 255, 16).astype(np.uint8)
        cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(16, -1, 3)
        if _is_near(np.asarray(convert(Image.fromarray(cube))), cube):
            return None
    return space, convert


def _conversion_of_grey(profile: ImageCms.ImageCmsProfile, mode: str) -> tuple[str, Convert] | None:
    """Convert by a table: LittleCMS's own is 10 levels off in the shadows of linear grey."""
    values = np.arange(256) if mode == "L" else np.arange(65536).reshape(256, 256)
    every = Image.fromarray(np.atleast_2d(values).astype(np.uint8 if mode == "L" else np.uint16))
    exact = ImageCms.buildTransform(
        profile, ImageCms.createProfile("sRGB"), mode, "RGB", flags=ImageCms.Flags.NOOPTIMIZE
    )
    table = np.asarray(exact.apply(every)).reshape(-1, 3)
    if _is_near(table, values.reshape(-1, 1) * (255 / values.max())):
        return None
    return mode, lambda picture: Image.fromarray(table[np.asarray(picture)])


def _is_near(converted: NDArray[np.uint8], given: NDArray[Any]) -> bool:
    return bool(np.abs(np.subtract(converted, given, dtype=float)).max() <= _UNSEEN)


def _profile_of(source: Image.Image) -> bytes | None:
    """Return the ICC profile of a file, or one made of what the file says in other ways."""
    info: Mapping[Any, Any] = source.info
    if profile := info.get("icc_profile"):
        return bytes(profile)
    if source.format == "PNG" and "srgb" not in info and {"gamma", "chromaticity"} & set(info):
        return _profile_of_png(info, grey=source.mode in ("1", "L", "LA", "I;16"))
    if info.get("nclx_profile", {}).get("color_primaries") == _HEIF_P3:
        return _profile(_P3, None)
    if _ADOBE_MARK in (info.get("exif") or b"") and _is_adobe(source):
        return _profile(_ADOBE, _ADOBE_GAMMA)
    return None


def _is_adobe(source: Image.Image) -> bool:
    return source.getexif().get_ifd(_INTEROPERABILITY).get(1) == "R03"


def _profile_of_png(info: Mapping[Any, Any], grey: bool) -> bytes | None:
    """Return an ICC profile of the chunks gAMA and cHRM; None where they say sRGB."""
    file_gamma = info.get("gamma")
    gamma = None if file_gamma is None else 1 / file_gamma
    values = info.get("chromaticity")
    points = _SRGB if values is None else tuple(zip(values[::2], values[1::2], strict=True))
    same_curve = gamma is None or abs(1 / gamma - _SRGB_GAMMA) < _SAME
    if same_curve and np.abs(np.subtract(points, _SRGB)).max() < _SAME:
        return None
    return _profile(None if grey else points, gamma)


def _profile(points: tuple[Point, ...] | None, gamma: float | None) -> bytes:
    """Build an ICC profile of one curve.

    Args:
        points: White, red, green and blue; without them the profile is of grey pictures.
        gamma: The power that makes values linear; without it sRGB's curve.
    """
    numbers = (3, *_CURVE) if gamma is None else (0, gamma)
    curve = b"para" + bytes(4) + struct.pack(">HH", int(numbers[0]), 0) + _fixed(*numbers[1:])
    tags = {b"wtpt": b"XYZ " + bytes(4) + _fixed(*_D50)}
    if points is None:
        tags[b"kTRC"] = curve
    else:
        for name, column in zip(b"rgb", _to_d50(points).T, strict=True):
            tags[bytes([name]) + b"XYZ"] = b"XYZ " + bytes(4) + _fixed(*column)
            tags[bytes([name]) + b"TRC"] = curve
    table, body = struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        start = 128 + 4 + 12 * len(tags) + len(body)
        table += tag + struct.pack(">II", start, len(data))
        body += data + bytes(-len(data) % 4)
    space = b"GRAY" if points is None else b"RGB "
    head = struct.pack(">I4xI", 128 + len(table) + len(body), 0x04200000)
    head += b"mntr" + space + b"XYZ " + bytes(12) + b"acsp" + bytes(28) + _fixed(*_D50)
    return head.ljust(128, b"\0") + table + body


def _fixed(*numbers: float) -> bytes:
    """Encode numbers as ICC's s15Fixed16Number."""
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def _to_d50(points: tuple[Point, ...]) -> NDArray[np.float64]:
    """Return the matrix from linear RGB to XYZ under D50, (3, 3)."""
    white, *primaries = [np.array([x / y, 1, (1 - x - y) / y]) for x, y in points]
    columns = np.stack(primaries, axis=1)  # (3, 3)
    to_xyz = columns * np.linalg.solve(columns, white)
    cones = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    result: NDArray[np.float64] = np.linalg.solve(_BRADFORD, cones[:, None] * (_BRADFORD @ to_xyz))
    return result
