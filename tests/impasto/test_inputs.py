"""Pictures that `paint` takes: every form is the same one, and what is none is refused."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import UserError
from impasto.io.in_memory import as_picture

H, W = 5, 7
# Levels that every form has: 0 and 255, and 51 k, which is k / 5 and 257 * 51 k of 16 bits.
RGB = (51 * np.random.default_rng(0).integers(0, 6, (H, W, 3))).astype(np.uint8)
GREY = RGB[..., 0]
BLACK_AND_WHITE = GREY > 100
ALPHA = np.dstack([RGB, np.where(BLACK_AND_WHITE, 255, 51).astype(np.uint8)])
OPAQUE = np.dstack([RGB, np.full((H, W), 255, np.uint8)])


def three(grey: NDArray[Any]) -> NDArray[np.uint8]:
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def words(image: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return image.astype(np.uint16) * np.uint16(257)


def png(image: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def saved(image: NDArray[Any], folder: Path) -> Path:
    (folder / "a.png").write_bytes(png(image))
    return folder / "a.png"


def rotated(image: NDArray[np.uint8]) -> Image.Image:
    """A camera's picture, which lies on its side in the file."""
    picture = Image.fromarray(np.rot90(image))
    picture.getexif()[0x0112] = 6  # upright when turned by 90 degrees clockwise
    return picture


Made = Callable[[Path], Any]
ARRAYS: dict[str, tuple[Any, NDArray[np.uint8]]] = {
    "bytes": (png(RGB), RGB),
    "bytearray": (bytearray(png(RGB)), RGB),
    "bytes, alpha": (png(ALPHA), ALPHA),
    "bytes of 16 bits": (png(words(GREY)), three(GREY)),
    "PIL RGB": (Image.fromarray(RGB), RGB),
    "PIL RGBA": (Image.fromarray(ALPHA), ALPHA),
    "PIL RGBA, opaque": (Image.fromarray(OPAQUE), RGB),
    "PIL L": (Image.fromarray(GREY), three(GREY)),
    "PIL 1": (Image.fromarray(BLACK_AND_WHITE), three(255 * BLACK_AND_WHITE)),
    "PIL I;16": (Image.fromarray(words(GREY)), three(GREY)),
    "PIL F": (Image.fromarray((GREY / 255).astype(np.float32)), three(GREY)),
    "PIL P": (Image.fromarray(RGB).quantize(256), RGB),
    "PIL of a file": (Image.open(io.BytesIO(png(ALPHA))), ALPHA),
    "PIL on its side": (rotated(RGB), RGB),
    "(H, W)": (GREY, three(GREY)),
    "(H, W, 1)": (GREY[..., None], three(GREY)),
    "(H, W, 3)": (RGB, RGB),
    "(H, W, 4)": (ALPHA, ALPHA),
    "(H, W, 4), opaque": (OPAQUE, RGB),
    "uint16": (words(RGB), RGB),
    "uint16, other byte order": (words(RGB).astype(">u2"), RGB),
    "uint16, grey": (words(GREY), three(GREY)),
    "uint16, alpha": (words(ALPHA), ALPHA),
    "bool": (BLACK_AND_WHITE, three(255 * BLACK_AND_WHITE)),
    "bool, RGB": (RGB > 100, 255 * (RGB > 100).astype(np.uint8)),
    "float16": ((RGB / 255).astype(np.float16), RGB),
    "float32": ((RGB / 255).astype(np.float32), RGB),
    "float64": (RGB / 255, RGB),
    "float, grey": (GREY / 255, three(GREY)),
    "float, alpha": (ALPHA / 255, ALPHA),
    "a view": (RGB[:, ::-1], RGB[:, ::-1]),
    "read-only": (np.broadcast_to(RGB[:1], RGB.shape), np.broadcast_to(RGB[:1], RGB.shape)),
    "one row": (RGB[:1], RGB[:1]),
    "one pixel": (RGB[:1, :1], RGB[:1, :1]),
    "torch (H, W, 3)": (torch.tensor(RGB), RGB),
    "torch (3, H, W)": (torch.tensor(RGB).permute(2, 0, 1), RGB),
    "torch float": (torch.tensor(RGB / 255).permute(2, 0, 1), RGB),
    "torch float32": (torch.tensor(RGB / 255, dtype=torch.float32), RGB),
    "torch bfloat16": (torch.tensor(255 * (RGB > 100)).bool().bfloat16(), 255 * (RGB > 100)),
    "torch bool": (torch.tensor(RGB > 100), 255 * (RGB > 100)),
    "torch uint16": (torch.tensor(words(RGB)), RGB),
    "torch with a gradient": (torch.tensor(RGB / 255, requires_grad=True), RGB),
}
FILES: dict[str, tuple[Made, NDArray[np.uint8]]] = {
    "a name": (lambda folder: str(saved(RGB, folder)), RGB),
    "a path": (lambda folder: saved(ALPHA, folder), ALPHA),
    "a path of 16 bits": (lambda folder: saved(words(GREY), folder), three(GREY)),
    "a file object": (lambda folder: saved(RGB, folder).open("rb"), RGB),
    "a stream": (lambda folder: io.BytesIO(png(ALPHA)), ALPHA),
}


@pytest.mark.parametrize(("image", "expected"), ARRAYS.values(), ids=ARRAYS)
def test_every_form_is_the_same_picture(image: Any, expected: NDArray[np.uint8]) -> None:
    picture = as_picture(image)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, expected)
    before = picture.copy()
    if isinstance(image, np.ndarray) and image.flags.writeable:
        image = image.copy()
        picture = as_picture(image)
        image[:] = 0
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize(("make", "expected"), FILES.values(), ids=FILES)
def test_every_file_is_the_same_picture(
    make: Made, expected: NDArray[np.uint8], tmp_path: Path
) -> None:
    image = make(tmp_path)
    np.testing.assert_array_equal(as_picture(image), expected)
    if hasattr(image, "close"):
        image.close()


def test_every_value_of_a_float_and_of_16_bits_is_rounded() -> None:
    levels = np.linspace(0, 1, 4096).reshape(64, 64)
    np.testing.assert_array_equal(as_picture(levels)[..., 0], np.floor(levels * 255 + 0.5))
    every = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_array_equal(as_picture(every)[..., 1], np.floor(every / 257 + 0.5))


FLOAT = RGB / 255
PLANAR = RGB.transpose(2, 0, 1)
NAN, INFINITE = FLOAT.copy(), FLOAT.copy()
NAN[2, 3, 1], INFINITE[2, 3, 1] = np.nan, np.inf
# What is given, and what its line says to do.
WRONG: dict[str, tuple[Any, str]] = {
    "(3, H, W)": (PLANAR, r"transpose\(1, 2, 0\)"),
    "(4, H, W)": (ALPHA.transpose(2, 0, 1), r"transpose\(1, 2, 0\)"),
    "(1, H, W)": (GREY[None], r"transpose\(1, 2, 0\)"),
    "(3, H, 3)": (PLANAR[..., :3], "ambiguous.*fromarray"),
    "(3, H, 4)": (PLANAR[..., :4], "ambiguous.*fromarray"),
    "(4, H, 3)": (RGB[:4], "ambiguous.*fromarray"),
    "(3, H, 1)": (PLANAR[..., :1], "ambiguous.*fromarray"),
    "(H, W, 2)": (RGB[..., :2], r"image\[..., :3\]"),
    "(H, W, 5)": (np.dstack([RGB, RGB[..., :2]]), r"image\[..., :3\]"),
    "(B, H, W, 3)": (RGB[None], "paint_many"),
    "(W,)": (RGB[0, :, 0], r"\(H, W, 3\)"),
    "a number": (np.array(5.0), r"\(H, W, 3\)"),
    "no rows": (RGB[:0], r"\(H, W, 3\)"),
    "no columns": (GREY[:, :0], r"\(H, W, 3\)"),
    "floats of bytes": (RGB.astype(np.float32), "divide by 255"),
    "floats a little above 1": (FLOAT + 0.01, r"np.clip\(image, 0, 1\)"),
    "floats from -1 to 1": (2 * FLOAT - 1, r"\(image \+ 1\) / 2"),
    "NaN": (NAN, "nan_to_num"),
    "infinity": (INFINITE, "clip"),
    "int64": (RGB.astype(np.int64), r"astype\(np.uint8\)"),
    "int8": (RGB.astype(np.int8), r"astype\(np.uint8\)"),
    "uint32": (RGB.astype(np.uint32), r"astype\(np.uint8\)"),
    "complex": (RGB.astype(complex), "complex128"),
    "objects": (RGB.astype(object), "object"),
    "texts": (np.full((H, W, 3), "a"), "<U1"),
    "masked": (np.ma.masked_greater(RGB, 100), r"filled\(0\)"),
    "transparent": (np.zeros((H, W, 4), np.uint8), "wholly transparent"),
    "torch (B, 3, H, W)": (torch.tensor(PLANAR)[None], "paint_many"),
    "torch (3, H, 3)": (torch.tensor(PLANAR)[..., :3], "ambiguous.*fromarray"),
    "torch (1, H, W)": (torch.tensor(PLANAR)[:1], r"\(3, H, W\)"),
    "torch (4, H, W)": (torch.tensor(ALPHA).permute(2, 0, 1), r"\(3, H, W\)"),
    "torch (H, W)": (torch.tensor(GREY), r"\(3, H, W\)"),
    "torch floats of bytes": (torch.tensor(PLANAR).float(), "divide by 255"),
    "torch NaN": (torch.tensor(NAN), "nan_to_num"),
    "torch int64": (torch.tensor(PLANAR).long(), r"astype\(np.uint8\)"),
    "torch sparse": (torch.tensor(FLOAT).to_sparse(), "to_dense"),
    "a list": (RGB.tolist(), r"np.asarray\(image\)"),
    "pictures": ([RGB, RGB], "paint_many"),
    "nothing": (None, "give a path"),
    "number": (7, "give a path"),
    "no file": ("nowhere.png", "nowhere.png"),
    "an address": ("https://example.org/a.png", "download it"),
    "a zero byte": ("a\0.png", "zero byte"),
    "no bytes": (b"", "empty"),
    "other bytes": (b"photo.jpg", "not a picture"),
    "half a picture": (png(RGB)[:40], "the bytes"),
    "a text stream": (io.StringIO("a"), "'rb'"),
    "a stream at its end": (io.BytesIO(b""), r"seek\(0\)"),
    "PIL without pixels": (Image.new("RGB", (0, 4)), "no pixels"),
    "PIL transparent": (Image.new("RGBA", (4, 4)), "wholly transparent"),
}


@pytest.mark.parametrize(("image", "said"), WRONG.values(), ids=WRONG)
def test_what_is_no_picture_is_refused_in_a_line(image: Any, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        as_picture(image)
    assert "\n" not in str(error.value)


def test_a_closed_file_is_refused(tmp_path: Path) -> None:
    with saved(RGB, tmp_path).open("rb") as file:
        pass
    with pytest.raises(UserError, match="open it for reading bytes"):
        as_picture(file)
    with (tmp_path / "new").open("wb") as file, pytest.raises(UserError, match="for reading bytes"):
        as_picture(file)
    with pytest.raises(UserError, match=r"folder|directory"):
        as_picture(tmp_path)
