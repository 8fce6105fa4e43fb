import contextlib
import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from impasto.errors import UserError
from impasto.io.decoding import FORMATS, decode_image, picture_suffixes
from impasto.io.images import find_images, read_image, resize_image, write_png
from impasto.persistence.atomic import atomic_write

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


def save(path: Path, array: np.ndarray = RGB, mode: str | None = None, **options: object) -> Path:
    picture = Image.fromarray(array)
    (picture if mode is None else picture.convert(mode)).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        *((mode, "png") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        *((mode, "tif") for mode in ("CMYK", "I", "F", "I;16")),
        *(("P", "gif"), ("YCbCr", "jpg"), ("RGB", "webp"), ("RGB", "bmp")),
    ],
)
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    ramp = np.tile(np.arange(0, 256, 5, dtype=np.uint8), (40, 1))  # 0 to 255, left to right
    if mode in ("I", "I;16"):
        deep = ramp.astype(np.uint16) * 257
        picture = Image.fromarray(deep if mode == "I;16" else deep.astype(np.int32))
    elif mode == "F":
        picture = Image.fromarray(ramp.astype(np.float32) / 255)
    elif mode == "P":
        picture = Image.fromarray(np.repeat(ramp[:, :, None], 3, axis=2)).quantize(256)
    else:
        picture = Image.fromarray(np.repeat(ramp[:, :, None], 3, axis=2)).convert(mode)
    picture.save(tmp_path / f"p.{suffix}")
    image = read_image(tmp_path / f"p.{suffix}")
    assert image.shape == (40, 52, 3)
    assert image.dtype == np.uint8
    error = np.abs(image.mean(2) - ramp)
    assert error.mean() < (110 if mode == "1" else 4)  # dithered, or exact but for rounding
    assert abs(image[:, :8].mean() - 17.5) < 12
    assert abs(image[:, -8:].mean() - 237.5) < 12


def test_colours_keep_their_channels(tmp_path: Path) -> None:
    assert np.array_equal(read_image(save(tmp_path / "p.png")), RGB)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    levels = np.array([[0, 257 * 100, 257 * 255]], np.uint16)
    image = read_image(save(tmp_path / "p.png", levels))
    assert image[0, :, 0].tolist() == [0, 100, 255]
    dark = read_image(save(tmp_path / "dark.png", levels // 257))
    assert dark[0, :, 0].tolist() == [0, 0, 1]


def test_transparent_pixels_show_the_background(tmp_path: Path) -> None:
    pixels = np.array([[[200, 100, 50, 0], [200, 100, 50, 255], [255, 255, 255, 128]]], np.uint8)
    path = save(tmp_path / "p.png", pixels)
    assert read_image(path)[0].tolist() == [[0, 0, 0], [200, 100, 50], [128, 128, 128]]
    assert read_image(path, background=(9, 8, 7))[0, :2].tolist() == [[9, 8, 7], [200, 100, 50]]


def test_a_transparent_palette_entry_shows_the_background(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.save(tmp_path / "p.png", transparency=0)
    assert read_image(tmp_path / "p.png", (1, 2, 3))[0].tolist() == [[1, 2, 3], [40, 50, 60]]


@pytest.mark.parametrize(
    "address", ["https://x.org/a.jpg", "http://a", "file:///a.png", "s3://b/c"]
)
def test_an_address_is_refused(address: str) -> None:
    with pytest.raises(UserError, match=r"is an address, not a file — download it"):
        find_images([address])


def test_lab_is_converted(tmp_path: Path) -> None:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    picture = ImageCms.profileToProfile(Image.fromarray(RGB), srgb, lab, outputMode="LAB")
    assert picture is not None
    picture.save(tmp_path / "p.tif")
    error = read_image(tmp_path / "p.tif").astype(int) - RGB
    assert np.abs(error).mean() < 8


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    path = save(tmp_path / "p.png", exif=exif)
    assert np.array_equal(read_image(path), np.rot90(RGB, -1))


def test_one_pixel_is_a_picture(tmp_path: Path) -> None:
    image = read_image(save(tmp_path / "p.png", RGB[:1, :1]))
    assert np.array_equal(resize_image(image, 4, 4), np.broadcast_to(RGB[0, 0], (4, 4, 3)))


def test_missing_and_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.png: cannot be read \(No such file"):
        read_image(tmp_path / "none.png")
    with pytest.raises(UserError, match="not a file"):
        read_image(tmp_path)
    (tmp_path / "empty.png").touch()
    with pytest.raises(UserError, match=r"empty\.png: the file is empty"):
        read_image(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("words")
    with pytest.raises(UserError, match=r"text\.png: not a picture"):
        read_image(tmp_path / "text.png")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, on damaged TIFF tags
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp", "webp"])
def test_a_cut_off_or_damaged_file_is_an_error_or_a_picture_never_a_crash(suffix: str) -> None:
    large = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    buffer = BytesIO()
    Image.fromarray(large).save(buffer, format={"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix))
    whole = buffer.getvalue()
    with pytest.raises(UserError, match=r"^cut: "):
        decode_image(whole[: len(whole) // 2], "cut")
    generator = np.random.default_rng(1)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in generator.integers(0, min(len(whole), 400), 6):
            damaged[place] = generator.integers(256)
        try:
            assert decode_image(bytes(damaged), "odd").dtype == np.uint8
        except UserError as error:
            assert str(error).startswith("odd: ")  # noqa: PT017 - either outcome is right


def test_resizing_averages_what_it_shrinks() -> None:
    board = (np.indices((15, 15)).sum(0) % 2).astype(np.uint8) * 255
    small = resize_image(np.repeat(board[:, :, None], 3, 2), 3, 3)
    assert np.abs(small.astype(int) - 127).max() <= 20  # without antialiasing it picks 0 or 255
    assert resize_image(RGB, 5, 7).shape == (5, 7, 3)
    same = resize_image(RGB, 6, 9)
    assert np.array_equal(same, RGB)
    assert not np.shares_memory(same, RGB)


ODD_NAMES = ["a b.png", "[1].png", "a,b.png", 'it\'s "so".png', "k=v.png", "~x.png", "é*.png"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_that_exists_is_meant_literally(tmp_path: Path, name: str) -> None:
    path = save(tmp_path / name)
    save(tmp_path / "1.png")  # what the pattern [1].png would match
    assert find_images(str(path)) == [path]
    assert np.array_equal(read_image(path), RGB)


def test_a_folder_a_pattern_and_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = save(tmp_path / "a.PNG"), save(tmp_path / "b.jpg")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "._a.png").write_text("left by a file manager")
    (tmp_path / "sub").mkdir()
    c = save(tmp_path / "sub" / "c.png")
    assert find_images(tmp_path) == [a, b]
    assert find_images(tmp_path, recursive=True) == [a, b, c]
    assert find_images(str(tmp_path / "*")) == [a, b, c]
    assert find_images(str(tmp_path / "**" / "*.png")) == [c]
    assert find_images([b, str(tmp_path), str(a)]) == [b, a]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_images("~/b.jpg") == [b]
    assert find_images("~/s*/*.png") == [c]


NAMES = "a.jpg b.JFIF c.jpe d.tif e.qoi f.j2k g.heic h.avif i.jp2 j.PGM k.ico l.hif m.mpo n.dib"


def test_what_can_be_read_counts_in_a_folder_and_the_rest_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in NAMES.split():
        (tmp_path / name).touch()
    assert [path.name for path in find_images(tmp_path)] == NAMES.split()
    assert not caplog.records
    for name in (".hidden.xyz", "o.jxl", "p.mov"):
        (tmp_path / name).touch()
    assert len(find_images(tmp_path)) == len(NAMES.split())
    assert caplog.messages == [f"{tmp_path}: left out by their suffixes: 2 (o.jxl, p.mov)"]
    caplog.clear()
    assert [path.name for path in find_images(str(tmp_path / "[a-op]*"), also=(".mov",))] == [
        *NAMES.split(),
        "p.mov",
    ]
    assert "1 (o.jxl)" in caplog.text
    (tmp_path / "other").mkdir()
    for number in range(8):
        (tmp_path / "other" / f"{number}.psd").touch()
    with pytest.raises(UserError, match=r"left out by their suffixes: 8 \(0\.psd, .* and 3 more\)"):
        find_images(tmp_path / "other", recursive=True)


def test_every_format_that_is_taken_has_a_suffix() -> None:
    known = Image.registered_extensions()
    assert {known[suffix] for suffix in picture_suffixes()} >= set(FORMATS)


def test_linked_folders_count_once_and_circles_end(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    save(tmp_path / "real" / "a.png")
    for name in ("circle", "other circle"):  # two would be followed 2 ** 40 times
        os.symlink(tmp_path, tmp_path / "real" / name)
    assert find_images(tmp_path, recursive=True) == [tmp_path / "real" / "a.png"]


def test_nothing_found_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "void").mkdir()
    with pytest.raises(UserError, match=r"void: no pictures in this folder"):
        find_images(tmp_path / "void")
    for source in (tmp_path / "none.png", str(tmp_path / "*.png")):
        with pytest.raises(UserError, match="no such picture, folder or pattern"):
            find_images([save(tmp_path / "a.jpg"), source])
    with pytest.raises(UserError, match="no picture is named"):
        find_images([])


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    with atomic_write(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".txt"
        temporary.write_text("first")
        assert not path.exists()
    with contextlib.suppress(KeyboardInterrupt), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]


def test_a_png_comes_back_and_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    write_png(tmp_path / "p.png", RGB)
    assert np.array_equal(read_image(tmp_path / "p.png"), RGB)
    with pytest.raises(UserError, match=r"p\.png/sub: cannot be written"):
        write_png(tmp_path / "p.png" / "sub" / "q.png", RGB)
