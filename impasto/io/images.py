"""Pictures as files: finding, reading, resizing and writing them.

A picture in memory is a ``(H, W, 3)`` uint8 array, RGB. Whatever is wrong with a file raises
``UserError`` with the file's name.
"""

import base64
import glob
import logging
import os
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Annotated, BinaryIO

import numpy as np
import torch
from annotated_types import Ge, Le
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from impasto.bounds import validated
from impasto.errors import UserError
from impasto.io.decoding import decode_image, decode_picture, picture_suffixes
from impasto.io.files import PICTURE, read_bytes
from impasto.persistence.atomic import atomic_write

log = logging.getLogger(__name__)

PNG_DATA_URI = "data:image/png;base64,"  # how one begins
STANDARD_INPUT = "-"  # where a picture's name may stand
_MOST_BYTES = 2**27  # of a picture in a stream, which says no size before
_NAMED = 5  # files that are left out, by name; the others are counted
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def read_image(path: str | Path, background: tuple[int, int, int] = (0, 0, 0)) -> NDArray[np.uint8]:
    """Read one picture of any Pillow mode, turned upright as its EXIF orientation says.

    Args:
        path: The file.
        background: RGB in 0..255 that shows through transparent pixels.

    Returns:
        ``(H, W, 3)`` uint8, RGB; 16-bit and float pictures are scaled, not clipped.

    Raises:
        UserError: The file is missing, empty, cut off or not a picture.
    """
    return decode_image(_bytes(Path(path)), str(path), background)


def read_picture(path: str | Path) -> NDArray[np.uint8]:
    """Read one picture as `read_image` does, and keep what is transparent.

    Returns:
        ``(H, W, 3)`` uint8, RGB; ``(H, W, 4)`` with alpha if there is a pixel that is not opaque.

    Raises:
        UserError: As `read_image`.
    """
    return decode_picture(_bytes(Path(path)), str(path))


def _bytes(path: Path) -> bytes:
    try:
        return read_bytes(path, PICTURE)
    except OSError as error:
        what = f"{path}: cannot be read ({error.strerror})"
        raise UserError(what, "check its name and its permissions") from error


def read_standard_input() -> NDArray[np.uint8]:
    """Read one picture from standard input as `read_picture` does.

    Raises:
        UserError: There is none, it has no end, or it can't be decoded.
    """
    name = "standard input"
    data = b""
    if sys.stdin and not sys.stdin.isatty():
        with suppress(OSError):  # it is closed, or a folder
            data = read_stream(sys.stdin.buffer, name)
    if not data:
        raise UserError(f"{name}: nothing comes in", "send a picture: impasto - < photo.jpg")
    return decode_picture(data, name)


def read_stream(stream: BinaryIO, name: str) -> bytes:
    """Read a stream to its end.

    Args:
        stream: Open for reading bytes.
        name: What to call it in an error.

    Raises:
        UserError: It has more bytes than a picture, or text.
        OSError: It can't be read.
    """
    data = bytearray()
    while part := stream.read(2**20):
        if not isinstance(part, bytes):
            raise UserError(f"{name} gives text, not bytes", "open it with `open(path, 'rb')`")
        data += part
        if len(data) > _MOST_BYTES:
            what = f"{name}: more than {_MOST_BYTES // 10**6} MB"
            raise UserError(what, "give the picture's file instead")
    return bytes(data)


def resize_image(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize a whole picture, bilinear with antialiasing; the aspect ratio is not kept.

    Args:
        image: ``(H, W, C)`` uint8.
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        ``(height, width, C)`` uint8.
    """
    if image.shape[:2] == (height, width):
        return image.copy()
    batch = torch.tensor(image).permute(2, 0, 1)[None]  # (1, C, H, W)
    resized = functional.interpolate(
        batch, (height, width), mode="bilinear", align_corners=False, antialias=True
    )
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())  # (height, width, C)


def find_images(
    source: str | Path | Sequence[str | Path], recursive: bool = False, also: Collection[str] = ()
) -> list[Path]:
    """Find the pictures that a file, a folder, a glob or a list of them stands for.

    A path that exists is meant literally, whatever characters it has; only then are ``~`` and glob
    patterns expanded. A named file counts whatever its suffix; in folders and globs only files with
    the suffix of a picture that can be read count, in the order of their names, hidden ones left
    out. What else is there is said in a warning.

    Args:
        source: What to look for.
        recursive: Whether folders inside a folder count too.
        also: Further suffixes that count, in lower case.

    Returns:
        The files, each once.

    Raises:
        UserError: One of the sources does not exist or holds no picture.
    """
    if not isinstance(source, (str, Path)):
        if not source:
            raise UserError("no picture is named", "give a file, a folder or a glob")
        every = (path for one in source for path in find_images(one, recursive, also))
        return list(dict.fromkeys(every))
    suffixes = picture_suffixes().union(also)
    for path in (Path(source), Path(os.path.expanduser(source))):
        if path.is_dir():
            where = "in this folder or below" if recursive else "in this folder"
            return _chosen(_files_in(path, recursive), suffixes, f"{path}: no pictures {where}")
        if os.path.lexists(path):
            return [path]  # a pipe, or a link to nothing, is refused by name when it is read
    if ADDRESS.match(str(source)):
        raise UserError(f"{source} is an address, not a file", "download it, and give the file")
    matches = sorted(Path(match) for match in glob.glob(os.path.expanduser(source), recursive=True))
    if not matches:
        what = f"{source}: no such picture, folder or pattern"
        raise UserError(what, "check the name and the quotes")
    folders = [path for path in matches if path.is_dir()]
    files = [path for path in matches if not (path.is_dir() or path.name.startswith("."))]
    files += [path for folder in folders for path in _files_in(folder, recursive)]
    return _chosen(files, suffixes, f"{source}: no pictures among what it matches")


def _chosen(files: Iterable[Path], suffixes: Collection[str], none: str) -> list[Path]:
    """Choose the files that have one of the suffixes, each once; log the others."""
    parts: dict[bool, list[Path]] = {True: [], False: []}
    for path in dict.fromkeys(files):
        parts[path.suffix.lower() in suffixes].append(path)
    chosen, others = parts[True], parts[False]
    names = ", ".join(path.name for path in others[:_NAMED])
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    left_out = f"left out by their suffixes: {len(others)} ({names}{more})" if others else ""
    if not chosen:
        raise UserError(f"{none}{left_out and '; '}{left_out}", "put pictures there")
    if others:
        log.warning("%s: %s", others[0].parent, left_out)
    return chosen


def _files_in(folder: Path, recursive: bool) -> list[Path]:
    """List the files of a folder but hidden ones, sorted; linked folders count, each once."""
    files: list[Path] = []
    visited: set[str] = set()
    for where, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(where)
        shown = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [] if real in visited or not recursive else shown
        if real not in visited:
            files += [Path(where, name) for name in names if not name.startswith(".")]
        visited.add(real)
    return sorted(files)


def write_png(path: str | Path, image: NDArray[np.uint8]) -> None:
    """Write a picture as PNG, atomically.

    Args:
        path: The file.
        image: ``(H, W, 3)`` uint8, RGB, or ``(H, W, 4)`` with alpha.

    Raises:
        UserError: See `atomic_write`.
    """
    with atomic_write(path) as temporary:
        Image.fromarray(image).save(temporary, format="PNG")


def photo_data_uri(image: NDArray[np.uint8]) -> str:
    """Encode a picture (H, W, 3) as the data URI of a JPEG, or (H, W, 4) as that of a PNG."""
    if image.shape[2] == 4:
        return png_data_uri(image)
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=90, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def png_data_uri(image: NDArray[np.uint8]) -> str:
    """Encode a picture (H, W), (H, W, 3) or (H, W, 4), uint8, as the data URI of a small PNG."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", optimize=True)
    return PNG_DATA_URI + base64.b64encode(buffer.getvalue()).decode("ascii")


LARGEST = 100_000  # pixels on the longer side of a painting
_LARGEST_ASKED = 20_000  # of one that is made larger or smaller than its picture
Size = Annotated[int, Ge(1), Le(_LARGEST_ASKED)]  # pixels on the longer side


def fit_size(height: int, width: int, longer: int) -> tuple[int, int]:
    """Shrink a size (rows, columns) to at most `longer` on its longer side, keeping the aspect."""
    share = min(1.0, longer / max(height, width))
    return max(1, round(height * share)), max(1, round(width * share))


@validated
def asked_size(height: int, width: int, size: Size | None) -> tuple[int, int]:
    """Scale a size (rows, columns) to the longer side that a user asked for; None leaves it.

    Raises:
        UserError: It is out of its bounds, or so is the size that it leaves.
    """
    if size is None and max(height, width) <= LARGEST:
        return height, width
    if size is None:
        what = f"a painting of {width} x {height} pixels is too large for its record"
        raise UserError(what, f"give `size={_LARGEST_ASKED}` or less")
    share = size / max(height, width)
    return max(1, round(height * share)), max(1, round(width * share))
