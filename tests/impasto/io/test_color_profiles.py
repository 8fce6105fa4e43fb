"""The colours of pictures with profiles, against what the profiles' figures come to."""

import logging
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from datamodules import Images
from impasto.io.decoding import decode_image, decode_picture

# XYZ under D50 of red, green and blue, as the profiles of these spaces have them; and the curve.
SPACES = {
    "P3": ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407)),
    "Adobe": ((0.60974, 0.31111, 0.0195), (0.20528, 0.62567, 0.0609), (0.14919, 0.0632, 0.74457)),
    "ProPhoto": ((0.7977, 0.288, 0), (0.1352, 0.7119, 0), (0.0313, 0.0001, 0.8249)),
    "sRGB": ((0.43607, 0.22249, 0.0139), (0.38515, 0.71687, 0.0971), (0.14307, 0.0606, 0.7141)),
}
GAMMAS = {"P3": None, "Adobe": 563 / 256, "ProPhoto": 1.8, "sRGB": None}
D50 = (0.9642, 1.0, 0.8249)
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
GREYS = np.arange(256, dtype=np.uint8).reshape(8, 32)


def fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def icc(space: str = "Gray", gamma: float | None = None) -> bytes:
    """The smallest profile of a space that LittleCMS takes; without a gamma, of sRGB's curve."""
    srgb = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    kind, numbers = (3, srgb) if gamma is None else (0, (gamma,))
    curve = b"para" + bytes(4) + struct.pack(">HH", kind, 0) + fixed(*numbers)
    tags = [(b"wtpt", b"XYZ " + bytes(4) + fixed(*D50))]
    if space == "Gray":
        tags += [(b"kTRC", curve)]
    else:
        for name, point in zip("rgb", SPACES[space], strict=True):
            tags += [(f"{name}XYZ".encode(), b"XYZ " + bytes(4) + fixed(*point))]
            tags += [(f"{name}TRC".encode(), curve)]
    return profile(b"mntr", b"GRAY" if space == "Gray" else b"RGB ", b"XYZ ", tags)


def profile(kind: bytes, space: bytes, pcs: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    """An ICC profile of these tags."""
    table, body = struct.pack(">I", len(tags)), b""
    for tag, data in tags:
        table += tag + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data.ljust(len(data) + 3 & ~3, b"\0")
    head = struct.pack(">I4xI", 128 + len(table + body), 0x04200000) + kind + space + pcs
    head = head.ljust(36, b"\0") + b"acsp" + bytes(28) + fixed(*D50)
    return head.ljust(128, b"\0") + table + body


def curve(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear levels as sRGB's, 0 to 255."""
    linear = linear.clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def linear(levels: NDArray[np.float64], gamma: float | None) -> NDArray[np.float64]:
    """Levels of 0 to 1 as linear ones."""
    if gamma is not None:
        return levels**gamma
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def expected(space: str, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What pixels (…, 3) of a space are in sRGB, 0 to 255."""
    matrix = np.linalg.inv(np.array(SPACES["sRGB"]).T) @ np.array(SPACES[space]).T
    return curve(linear(pixels / 255, GAMMAS[space]) @ matrix.T)


def encoded(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def far(found: NDArray[np.uint8], wanted: NDArray[np.float64]) -> float:
    return float(np.abs(found.astype(float) - wanted).max())


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("space", ["P3", "Adobe", "ProPhoto"])
def test_colours_of_another_space_become_srgb(space: str, form: str) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    own = icc(space, GAMMAS[space])
    file = encoded(Image.fromarray(PIXELS), form, icc_profile=own, **options)
    wanted = expected(space, PIXELS)
    assert np.abs(wanted - PIXELS).max() > 20
    assert far(decode_image(file, "a"), wanted) <= 3
    opened = ImageCms.ImageCmsProfile(BytesIO(own))
    made = ImageCms.profileToProfile(
        Image.fromarray(PIXELS), opened, ImageCms.createProfile("sRGB")
    )
    assert made is not None
    assert far(decode_image(file, "a"), np.asarray(made).astype(float)) <= 3


@pytest.mark.parametrize("space", ["lcms", "sRGB"])
def test_srgb_changes_nothing(space: str) -> None:
    own = icc("sRGB")
    if space == "lcms":
        own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for pixels in (PIXELS, GREYS):
        plain = decode_image(encoded(Image.fromarray(pixels)), "a")
        file = encoded(Image.fromarray(pixels), icc_profile=own)
        assert np.array_equal(decode_image(file, "a"), plain)
    grey = encoded(Image.fromarray(GREYS), icc_profile=icc("Gray"))
    assert np.array_equal(decode_image(grey, "a")[..., 0], GREYS)


def test_grey_has_a_profile_too() -> None:
    wanted = curve((GREYS / 255) ** 1.0)
    for own in (icc("Gray", 1.0), icc("sRGB", 1.0)):  # as some programs write it
        found = decode_image(encoded(Image.fromarray(GREYS), icc_profile=own), "a")
        assert far(found[..., 1], wanted) <= 3
        assert np.ptp(found.astype(int), axis=2).max() <= 1


@pytest.mark.parametrize(("form", "byte_order"), [("PNG", "<"), ("TIFF", "<"), ("TIFF", ">")])
def test_sixteen_bits_keep_their_shadows(form: str, byte_order: str) -> None:
    """Linear greys of 8 bits have 13 levels between black and the next one."""
    words = np.linspace(0, 2000, 512).astype(f"{byte_order}u2").reshape(16, 32)
    file = encoded(Image.fromarray(words), form, icc_profile=icc("Gray", 1.0))
    found = decode_image(file, "a")[..., 0]
    assert far(found, curve(words / 65535)) <= 3
    assert len(np.unique(found)) > 40


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA"])
def test_what_is_transparent_stays_so(mode: str) -> None:
    alpha = np.where(np.arange(32) < 16, 0, 255).astype(np.uint8) * np.ones((24, 1), np.uint8)
    picture = Image.fromarray(np.dstack([np.full_like(PIXELS, [200, 60, 60]), alpha]))
    opaque = np.asarray(picture.convert("LA").convert("RGB"))[0, 20]
    own, wanted = icc("P3"), expected("P3", np.array([200, 60, 60]))
    if mode == "LA":
        own, wanted = icc("Gray", 1.0), curve(opaque / 255)
    picture = picture.quantize() if mode == "P" else picture.convert(mode)
    found = decode_picture(encoded(picture, icc_profile=own), "a")
    assert np.array_equal(found[..., 3], alpha)
    assert far(found[:, 16:, :3], wanted) <= 3


def test_cmyk_is_converted_by_its_own_profile(caplog: pytest.LogCaptureFixture) -> None:
    """A press whose black ink prints nothing, as no program would guess."""
    inks = np.random.default_rng(1).integers(0, 256, (16, 16, 4), np.uint8)
    file = encoded(Image.fromarray(inks, "CMYK"), "TIFF", icc_profile=cmyk_profile())
    found = decode_image(file, "a").astype(float)
    light = inks[..., :1] / 255 * np.ones(3)  # only cyan's plate darkens, from white to black
    assert np.abs(found - found.mean(2, keepdims=True)).max() <= 3  # greys
    assert np.corrcoef(found[..., 0].ravel(), light[..., 0].ravel())[0, 1] < -0.95
    assert not caplog.records


def cmyk_profile() -> bytes:
    """A profile of four inks whose table has black where there is cyan, and white elsewhere."""
    corners = np.array([[255, 128, 128] if i < 8 else [0, 128, 128] for i in range(16)], np.uint8)
    identity = bytes(range(256))
    matrix = fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix
    table += 4 * identity + corners.tobytes() + 3 * identity
    tags = [(b"wtpt", b"XYZ " + bytes(4) + fixed(*D50)), (b"A2B0", table)]
    return profile(b"prtr", b"CMYK", b"Lab ", tags)


DAMAGED = {
    "words": b"no profile at all" * 20,
    "cut": icc("P3")[:150],
    "of grey": icc("Gray", 1.0),
    "of inks": cmyk_profile(),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_profile_leaves_the_picture(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    file = encoded(Image.fromarray(PIXELS), icc_profile=DAMAGED[kind])
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(decode_image(file, "my.png"), PIXELS)
    [remark] = caplog.messages
    assert remark.startswith("my.png: its colour profile is damaged")


def png(picture: Image.Image, **chunks: bytes) -> bytes:
    """A PNG with chunks behind its head."""
    file = encoded(picture)
    for name, body in chunks.items():
        check = struct.pack(">I", zlib.crc32(name.encode() + body))
        file = file[:33] + struct.pack(">I", len(body)) + name.encode() + body + check + file[33:]
    return file


def chrm(*points: float) -> bytes:
    return b"".join(struct.pack(">I", round(100_000 * point)) for point in points)


SRGB_POINTS = chrm(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
ADOBE_POINTS = chrm(0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)


def gama(gamma: float) -> bytes:
    return struct.pack(">I", round(100_000 / gamma))


def test_chunks_of_a_png_are_a_profile() -> None:
    picture = Image.fromarray(PIXELS)
    by_gamma = decode_image(png(picture, gAMA=gama(1.0)), "a")
    assert far(by_gamma, curve(PIXELS / 255)) <= 3
    both = decode_image(png(picture, gAMA=gama(563 / 256), cHRM=ADOBE_POINTS), "a")
    assert far(both, expected("Adobe", PIXELS)) <= 3
    grey = decode_image(png(Image.fromarray(GREYS), gAMA=gama(1.0)), "a")
    assert far(grey[..., 2], curve(GREYS / 255)) <= 3
    words = np.linspace(0, 2000, 512).astype(np.uint16).reshape(16, 32)
    deep = decode_image(png(Image.fromarray(words), gAMA=gama(1.0), cHRM=SRGB_POINTS), "a")
    assert far(deep[..., 0], curve(words / 65535)) <= 3


def test_chunks_that_say_srgb_or_nonsense_change_nothing() -> None:
    picture = Image.fromarray(PIXELS)
    for chunks in (
        {"gAMA": gama(2.2)},
        {"gAMA": gama(2.2), "cHRM": SRGB_POINTS},
        {"gAMA": gama(1.0), "sRGB": b"\0"},  # which counts more
        {"gAMA": bytes(4)},
        {"cHRM": bytes(32)},
    ):
        assert np.array_equal(decode_image(png(picture, **chunks), "a"), PIXELS), chunks


def test_a_cameras_adobe_rgb_is_known_by_its_exif() -> None:
    exif = Image.Exif()
    exif[0x8769] = {0xA001: 0xFFFF, 0xA005: {1: "R03"}}
    file = encoded(Image.fromarray(PIXELS), "PNG", exif=exif)
    assert far(decode_image(file, "a"), expected("Adobe", PIXELS)) <= 3


def test_data_sets_are_read_in_the_same_colours(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    picture = Image.new("RGB", (8, 8), (250, 60, 60))
    picture.save(tmp_path / "in" / "a.png", icc_profile=icc("P3"))
    data = Images(
        root=tmp_path / "in", cache=tmp_path / "cache", canvas_size=16, batch_size=2, seed=0
    )
    items = data.items()
    [path] = items.fetch([0])
    assert far(items.read(path), expected("P3", np.array([250, 60, 60]))) <= 3
