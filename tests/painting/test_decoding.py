"""Pictures of unusual kinds."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from painting.decoding import decode_image
from painting.errors import UserError
from painting.images import read_image, read_picture


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


def test_heic_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "p.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40))
    with pytest.raises(UserError, match=r"p\.heic: a HEIC picture.*JPEG or PNG"):
        read_image(tmp_path / "p.heic")


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
