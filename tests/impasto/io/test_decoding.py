"""Pictures of unusual kinds."""

import struct
import zlib
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.errors import UserError
from impasto.io.decoding import decode_image, decode_picture
from impasto.io.images import read_image, read_picture


def test_sixteen_bits_of_colour_lose_what_a_byte_cannot_hold() -> None:
    levels = np.arange(256, dtype=np.uint16)[None, :, None] * np.array([257, 257, 0], np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    header = struct.pack(">IIBBBBB", 256, 1, 16, 2, 0, 0, 0)  # 16 bits, RGB
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        check = struct.pack(">I", zlib.crc32(kind + body))
        data += struct.pack(">I", len(body)) + kind + body + check
    image = decode_image(data, "deep")
    assert image[0, :, 0].tolist() == image[0, :, 1].tolist() == list(range(256))
    assert image[..., 2].max() == 0


def test_a_cmyk_jpeg_has_its_colours(tmp_path: Path) -> None:
    for color in ((255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)):
        picture = Image.new("RGB", (16, 16), color).convert("CMYK")
        picture.save(tmp_path / "p.jpg", quality=100)
        assert np.abs(read_image(tmp_path / "p.jpg").astype(int) - color).max() < 6


def test_of_an_animation_the_first_frame_counts(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "p.gif", save_all=True, append_images=frames[1:])
    assert read_picture(tmp_path / "p.gif")[0, 0].tolist() == [255, 0, 0]


def test_heic_is_read(tmp_path: Path) -> None:
    """Red and blue halves, upright and turned a quarter to the right by its mark."""
    for number, turns in enumerate((0, -1)):
        (tmp_path / "p.heic").write_bytes(b64decode(HEIC[number]))
        image = np.rot90(read_picture(tmp_path / "p.heic"), -turns)
        assert image.shape == (32, 48, 3)
        assert np.abs(image[:, :20].astype(int) - [200, 40, 40]).max() < 8
        assert np.abs(image[:, 28:].astype(int) - [30, 60, 200]).max() < 8
    (tmp_path / "p.heic").write_bytes(b64decode(HEIC[0])[:400])
    with pytest.raises(UserError, match=r"p\.heic: (damaged or cut off|not a picture)"):
        read_picture(tmp_path / "p.heic")
    (tmp_path / "p.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40))
    with pytest.raises(UserError, match=r"p\.heic: not a picture that Pillow can read"):
        read_picture(tmp_path / "p.heic")


def test_avif_is_read() -> None:
    buffer = BytesIO()
    Image.new("RGB", (32, 32), (200, 40, 40)).save(buffer, "AVIF", quality=90)
    assert np.abs(decode_image(buffer.getvalue(), "a").astype(int) - [200, 40, 40]).max() < 8


def tiff(values: np.ndarray) -> bytes:
    """A grey TIFF of any kind of number, little-endian, in one strip."""
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    height, width = values.shape
    tags = {256: width, 257: height, 258: 8 * values.itemsize, 259: 1, 262: 1, 273: 8, 277: 1}
    tags |= {278: height, 279: values.nbytes, 339: kind}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = struct.pack("<2sHI", b"II", 42, 8 + values.nbytes)
    return head + values.tobytes() + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("kind", [np.int32, np.uint32, np.float32])
@pytest.mark.parametrize("top", [1, 2, 250, 300, 1000, 40_000, 65535, 2e6, 2**31 - 200])
@pytest.mark.parametrize("odd", [None, 1e12, np.inf, np.nan, -np.inf, -1e6])
def test_a_ramp_stays_a_ramp(kind: type, top: float, odd: float | None) -> None:
    floats = kind is np.float32
    if not floats and (top < 250 or (odd is not None and not np.isfinite(odd))):
        return
    values = np.tile(np.linspace(0, top, 64), (48, 1)).astype(kind)
    if odd is not None:  # in a few places, as hot pixels and lamps are
        limits = np.finfo(kind) if floats else np.iinfo(kind)
        values[::6, 20] = np.clip(odd, limits.min, limits.max) if np.isfinite(odd) else odd
    image = decode_image(tiff(values), "a")
    assert 120 <= image.mean() <= 128.5
    steps = np.diff(image[1, :, 0].astype(int))
    assert 3 <= steps.min() <= steps.max() <= 5
    if odd is not None:
        assert image[0, 20].tolist() == [255 * (odd > 0)] * 3


def test_few_bright_values_are_not_all_white() -> None:
    stars = np.zeros((40, 40), np.float32)
    stars[::20, ::20] = [[300, 600], [900, 1200]]
    seen = decode_image(tiff(stars), "a")[::20, ::20, 0]
    assert seen.tolist() == [[64, 128], [191, 255]]
    assert decode_image(tiff(stars * 0), "a").max() == 0
    dark = np.full((8, 8), 0.25, np.float32)
    assert decode_image(tiff(dark), "a").max() == 64


def test_sixteen_bits_of_a_dark_pgm_stay_dark() -> None:
    words = np.array([[0, 2570, 5140]], ">u2")
    image = decode_image(b"P5 3 1 65535\n" + words.tobytes(), "a")
    assert image[0, :, 0].tolist() == [0, 10, 20]


def png(depth: int, color: int, row: bytes, transparent: bytes) -> bytes:
    """A PNG of one row and a transparent colour."""
    width = (8 * len(row)) // (depth * (3 if color == 2 else 1))
    header = struct.pack(">IIBBBBB", width, 1, depth, color, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    chunks = ((b"IHDR", header), (b"tRNS", transparent), (b"IDAT", zlib.compress(b"\0" + row)))
    for kind, body in (*chunks, (b"IEND", b"")):
        check = struct.pack(">I", zlib.crc32(kind + body))
        data += struct.pack(">I", len(body)) + kind + body + check
    return data


@pytest.mark.parametrize(
    ("depth", "color", "row", "transparent", "alpha"),
    [
        (1, 0, b"\x40", b"\0\1", [255, 0, *[255] * 6]),
        (2, 0, b"\x1b", b"\0\2", [255, 255, 0, 255]),
        (4, 0, b"\x0f\x50", b"\0\5", [255, 255, 0, 255]),
        (8, 0, b"\x00\x50\x60", b"\0\x50", [255, 0, 255]),
        (16, 0, struct.pack(">3H", 258, 259, 65535), b"\1\2", [0, 255, 255]),
        (8, 2, b"\1\2\3\1\2\4", b"\0\1\0\2\0\3", [0, 255]),
        (16, 2, bytes(range(12)), bytes(range(6)), [0, 255]),
        (16, 2, bytes([0, 9, 0, 8, 0, 7, 23, 9, 0, 8, 0, 7]), bytes([0, 9, 0, 8, 0, 7]), [0, 255]),
    ],
)
def test_a_transparent_colour_is_transparent_at_any_depth(
    depth: int, color: int, row: bytes, transparent: bytes, alpha: list[int]
) -> None:
    file = png(depth, color, row, transparent)
    assert decode_picture(file, "a")[0, :, 3].tolist() == alpha
    shown = decode_image(file, "a", background=(1, 2, 3))[0]
    hidden = [place for place, value in enumerate(alpha) if value == 0]
    assert shown[hidden].tolist() == [[1, 2, 3]] * len(hidden)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "ICO", "QOI", "JPEG2000", "AVIF", "SGI"])
def test_no_format_loses_what_is_transparent(form: str) -> None:
    pixels = np.full((32, 32, 4), 200, np.uint8)
    pixels[:16, :, 3], pixels[16:, :, 3] = 0, 255
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, form, **({"sizes": [(32, 32)]} if form == "ICO" else {}))
    assert np.array_equal(decode_picture(buffer.getvalue(), "a")[..., 3], pixels[..., 3])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_kept(tmp_path: Path, mode: str) -> None:
    pixels = np.full((1, 4, 4), 200, np.uint8)
    pixels[0, :2, 3] = 0
    pixels[0, 2:, 3] = 255
    picture = Image.fromarray(pixels)
    (picture.quantize() if mode == "P" else picture.convert(mode)).save(tmp_path / "p.png")
    image = read_picture(tmp_path / "p.png")
    assert image[0, :, 3].tolist() == [0, 0, 255, 255]
    assert image[0, 2:, :3].tolist() == [[200, 200, 200]] * 2
    picture.putalpha(255)
    picture.save(tmp_path / "p.png")
    assert read_picture(tmp_path / "p.png").shape == (1, 4, 3)
    picture.putalpha(0)
    picture.save(tmp_path / "p.png")
    with pytest.raises(UserError, match=r"^\S+p\.png: wholly transparent"):
        read_picture(tmp_path / "p.png")


# 48 x 32 pixels, left red, right blue, and the same with EXIF's mark that it is to be turned: made
# with pillow-heif's encoder, which is not among what this project needs.
HEIC = (
    """
AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAA
AAAAACJpbG9jAAAAAERAAAEAAQAAAAABoQABAAAAAAAAAE0AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAA
AA5waXRtAAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNw
AAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFz
wIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAADAAAAABAAAAIAAAAAH////wAAAA
Av///+AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAAFVtZGF0AAAASSgBrwngyIE1Lf/r
X//43PIeNFmN3z/puLvGrv/hUOlycHuEzFC+30hJ4E0Q49XQz+2VVcyo6q9bEbkCo6Ze62IJum0mCtOOkXc=
""",
    """
AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAA
AAAAADRpbG9jAAAAAERAAAIAAQAAAAAB7AABAAAAAAAAACkAAgAAAAACFQABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVp
bmZlAgAAAAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABB2lwcnAAAADmaXBjbwAAAHZo
dmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAA
AwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAA
AAAAQAAAAEAAAAAoY2xhcAAAADAAAAABAAAAIAAAAAH////wAAAAAv///+AAAAACAAAAEHBpeGkAAAAAAwgICAAAAAlpcm90
AwAAABlpcG1hAAAAAAAAAAEAAQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAFVtZGF0AAAAJSgBrxOA5TH3
/7bJP9j1P8JZLBLP4yz7lLr+ec7+EsPrKKPac/AAAAAGRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA=
""",
)
