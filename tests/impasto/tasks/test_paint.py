"""The task `paint`: what it writes, in which size, and what it does with bad files."""

import json
import logging
from io import BytesIO, TextIOWrapper
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor

from impasto.errors import UserError
from impasto.io.exporters import Csv, Gcode, Gif, Html, PixelArt, Svg
from impasto.io.images import resize_image
from impasto.io.record import read_record
from impasto.painters import OptimizePainter, Painter, Progress, Sketch
from impasto.rendering import draw_picture
from impasto.strokes import Bezier, Circle
from impasto.tasks.paint import paint
from tests.bad_input_files import png

SIZE = 32


class CirclePainter(Painter):
    """Two circles in the colours of the picture's left and right half."""

    stroke = Circle()
    strokes = 2
    background = (0.0, 0.0, 1.0)
    steps = 3

    def canvas(self, height: int, width: int) -> tuple[int, int]:
        return SIZE, SIZE

    def paint(
        self,
        target: Tensor,
        progress: Progress | None = None,
        start: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        assert target.shape == (3, SIZE, SIZE)
        assert target.dtype == torch.float32
        left, right = target[:, :, : SIZE // 2], target[:, :, SIZE // 2 :]
        rows = [
            torch.cat([torch.tensor([x, 0.5, 1.0, 1.0]), half.mean((1, 2))])
            for x, half in ((0.25, left), (0.75, right))
        ]
        for step in range(self.steps):
            if progress is not None:
                progress(Sketch(step + 1, 20.0, self.stroke, torch.stack(rows)))
        return torch.stack(rows)


def picture(height: int = 20, width: int = 40) -> np.ndarray:
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[:, : width // 2] = (200, 50, 50)
    image[:, width // 2 :] = (50, 200, 50)
    return image


def save(path: Path, image: np.ndarray | None = None) -> Path:
    Image.fromarray(picture() if image is None else image).save(path)
    return path


def break_(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:60])
    return path


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_one_picture_leaves_its_files(tmp_path: Path) -> None:
    source, out = save(tmp_path / "a photo [1].png"), tmp_path / "run"
    result = paint(CirclePainter(), str(source), out, export={"gif": Gif()})
    assert sorted(path.name for path in out.iterdir()) == ["a photo [1]"]
    folder = out / "a photo [1]"
    files = {path.name for path in folder.iterdir()}
    assert files == {"painting.png", "strokes.json", "painting.gif"}
    record = read_record(folder / "strokes.json")
    assert (record.width, record.height, record.background) == (40, 20, (0.0, 0.0, 1.0))
    expected = draw_picture(record.stroke, record.strokes, 20, 40, (0.0, 0.0, 1.0))
    assert (read(folder / "painting.png") == expected).all()
    # Left is red, right is green, and the border is the background: nothing is turned or swapped.
    assert np.abs(expected[10, 10].astype(int) - (200, 50, 50)).max() < 3
    assert np.abs(expected[10, 30].astype(int) - (50, 200, 50)).max() < 3
    assert expected[0, 0].tolist() == [0, 0, 255]
    assert (result["images"], result["strokes"]) == (1, 2)


def test_limits_hold_in_what_is_written(tmp_path: Path) -> None:
    """The record is within them, and draws the picture, pixel art included."""
    source, out = save(tmp_path / "a.png", picture(32, 32)), tmp_path / "run"
    stroke = Bezier(opaque=True, max_width=0.2, palette=2)
    painter = OptimizePainter(stroke, strokes=6, work_size=SIZE, steps=10, tries=4)
    paint(painter, source, out, export={"pixel": PixelArt()})
    files = {path.name for path in (out / "a").iterdir()}
    assert files == {"painting.png", "strokes.json", "pixel.png"}
    strokes = json.loads((out / "a" / "strokes.json").read_text())["strokes"]
    for entry in strokes:
        shape = entry["shape"]
        assert shape["opacity0"] == shape["opacity1"] == 1
        assert 0 < max(shape["radius0"], shape["radius1"]) <= 0.1 + 1e-7
    assert len({tuple(entry["color"]) for entry in strokes}) <= 2
    record = read_record(out / "a" / "strokes.json")
    drawn = draw_picture(record.stroke, record.strokes, 32, 32, (0.0, 0.0, 0.0))
    assert (read(out / "a" / "painting.png") == drawn).all()
    assert len(np.unique(read(out / "a" / "pixel.png").reshape(-1, 3), axis=0)) <= 2


def test_the_bar_ends_with_the_figure_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exports = {"csv": Csv()}
    result = paint(CirclePainter(), save(tmp_path / "a.png"), tmp_path / "run", export=exports)
    shown = capsys.readouterr().err
    assert shown.index("a: writing painting.png") < shown.index("a: writing painting.csv")
    last = shown.replace("\r", "\n").strip().splitlines()[-1]
    assert f"psnr={result['psnr']:.1f} dB" in last  # the painter said 20 of its canvas


@pytest.mark.parametrize("size", [None, 25, 80])
def test_figures_are_those_of_the_files(tmp_path: Path, size: int | None) -> None:
    """Which are larger than the painter's canvas, smaller, or of another aspect."""
    sources = [save(tmp_path / "a.png"), save(tmp_path / "b.png", picture(50, 30)[::-1] // 2)]
    result = paint(CirclePainter(), sources, tmp_path / "run", size=size)
    paintings = [read(tmp_path / "run" / name / "painting.png") for name in "ab"]
    targets = [
        resize_image(read(source), *painting.shape[:2])
        for source, painting in zip(sources, paintings, strict=True)
    ]
    pairs = list(zip(targets, paintings, strict=True))
    psnr = [peak_signal_noise_ratio(*pair) for pair in pairs]
    l2 = [np.square(target / 255 - painting / 255).mean() for target, painting in pairs]
    assert result["psnr"] == pytest.approx(np.mean(psnr))
    assert result["l2"] == pytest.approx(np.mean(l2))
    assert 0 < result["ssim"] < 1


@pytest.mark.parametrize(
    ("size", "expected"), [(None, (20, 40)), (64, (32, 64)), (10, (5, 10)), (1, (1, 1))]
)
def test_size_is_the_longer_side(
    tmp_path: Path, size: int | None, expected: tuple[int, int]
) -> None:
    source = save(tmp_path / "a.png")
    paint(CirclePainter(), source, tmp_path / "run", size=size)
    assert read(tmp_path / "run" / "a" / "painting.png").shape[:2] == expected


def test_a_folder_leaves_a_sheet_of_targets_above_paintings(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for name in "abc":
        save(source / f"{name}.png")
    paint(CirclePainter(), source, tmp_path / "run")
    sheet = read(tmp_path / "run" / "paintings.png")
    # Pictures of 20 x 40 pixels, enlarged to 64 x 128, in white squares.
    assert (sheet[32:96, 8:56] == (200, 50, 50)).all()
    assert (sheet[32:96, 72:120] == (50, 200, 50)).all()
    assert (sheet[:32, :128] == 255).all()
    assert sheet.shape[1] >= 3 * 128
    assert sheet[130 + 32, 0].tolist() == [0, 0, 255]  # below it a painting's corner: background
    assert {path.name for path in (tmp_path / "run" / "b").iterdir()} == {
        "painting.png",
        "strokes.json",
    }


def test_equal_stems_and_reserved_names_get_folders_of_their_own(tmp_path: Path) -> None:
    names = ["A.bmp", "a.png", "a.jpg", "paintings.png.png", ".hidden.png"]
    sources = [save(tmp_path / name) for name in names]
    paint(CirclePainter(), sources, tmp_path / "run")
    folders = {path.name for path in (tmp_path / "run").iterdir() if path.is_dir()}
    assert folders == {"A", "a-2", "a-3", "paintings.png-2", "hidden"}


def test_broken_pictures_in_a_folder_are_skipped_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    break_(save(source / "cut.png"))
    (source / "empty.png").touch()
    (source / "text.jpg").write_text("no picture")
    save(source / "good.png")
    with caplog.at_level(logging.WARNING):
        result = paint(CirclePainter(), source, tmp_path / "run")
    assert result["images"] == 1
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["good"]
    for name in ("cut.png", "empty.png", "text.jpg"):
        assert name in caplog.text


@pytest.mark.parametrize("as_list", [False, True])
def test_a_broken_picture_that_is_asked_for_is_an_error(tmp_path: Path, as_list: bool) -> None:
    bad = break_(save(tmp_path / "bad.png"))
    images = [str(save(tmp_path / "good.png")), str(bad)] if as_list else str(bad)
    with pytest.raises(UserError, match=r"bad\.png"):
        paint(CirclePainter(), images, tmp_path / "run")
    assert not (tmp_path / "run").exists()  # nothing was painted before it was found


def test_a_folder_of_broken_pictures_is_an_error(tmp_path: Path) -> None:
    for name in ("x.png", "y.png"):
        break_(save(tmp_path / name))
    with pytest.raises(UserError, match="none of the 2 pictures"):
        paint(CirclePainter(), tmp_path, tmp_path / "run")
    with pytest.raises(UserError, match="none of the 2 pictures"):
        paint(CirclePainter(), str(tmp_path / "*.png"), tmp_path / "run")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16"])
def test_pictures_of_any_mode_and_of_one_pixel_work(tmp_path: Path, mode: str) -> None:
    source = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new("RGB", (1, 1)).convert(mode).save(source)
    assert paint(CirclePainter(), source, tmp_path / "run")["images"] == 1
    assert read(tmp_path / "run" / "a" / "painting.png").shape == (1, 1, 3)


def send(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(data)))


def test_a_dash_is_a_picture_on_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.png")
    send(monkeypatch, path.read_bytes())
    assert paint(CirclePainter(), ["-", path], tmp_path / "run")["images"] == 2
    sent, named = (read(tmp_path / "run" / name / "painting.png") for name in ("picture", "a"))
    assert np.array_equal(sent, named)


def test_standard_input_without_a_picture_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.io.images._MOST_BYTES", 2**21)
    for data, says in (
        (b"", "standard input: nothing comes in"),
        (b"words", "standard input: not a picture"),
        (bytes(2**22), "standard input: more than 2 MB — give the picture's file"),
    ):
        send(monkeypatch, data)
        with pytest.raises(UserError, match=says):
            paint(CirclePainter(), "-", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["HEIC", "size"])
def test_what_cannot_be_painted_in_a_folder_is_named(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A HEIC file that is a header only; a picture that is too large to be painted."""
    (tmp_path / "in").mkdir()
    if kind == "HEIC":
        (tmp_path / "in" / "b.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    else:
        bomb = png(60_000, 60_000)
        (tmp_path / "in" / "b.png").write_bytes(bomb)
    with pytest.raises(UserError, match=r"none of the 1 pictures of .*; the first: .*in/b\."):
        paint(CirclePainter(), tmp_path / "in", tmp_path / "run")
    for name in ("a.jfif", "c.jpe"):
        Image.fromarray(picture()).save(tmp_path / "in" / name, "JPEG")
    caplog.clear()
    assert paint(CirclePainter(), tmp_path / "in", tmp_path / "run")["images"] == 2
    assert sum("skipped: " in line and "in/b." in line for line in caplog.messages) == 1


@pytest.mark.parametrize("size", [0, -3, 100_000])
def test_a_size_that_makes_no_sense_is_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(UserError, match=f"^`size` is {size} — .*, from 1 to 20000, or null$"):
        paint(CirclePainter(), save(tmp_path / "a.png"), tmp_path / "run", size=size)


def test_what_an_export_cannot_be_is_said_before_anything_is_painted(tmp_path: Path) -> None:
    painter = CirclePainter()
    painter.paint = None  # type: ignore[assignment, method-assign]  # it is not asked
    Image.fromarray(picture(2, 33_000)).save(tmp_path / "long.png")
    Image.fromarray(picture(2, 100_001)).save(tmp_path / "longer.png")
    for name, export, said in (
        ("long.png", Html(), "`Html`: no browser has a canvas of 33000 x 2 pixels"),
        ("longer.png", Svg(), "100001 x 2 pixels is too large for its record .* `size=20000`"),
        ("long.png", Gcode(tool=1e-4), "`Gcode`: .* not opaque"),
    ):
        with pytest.raises(UserError, match=said):
            paint(painter, tmp_path / name, tmp_path / "out", export={"one": export})
    painter.stroke = Circle(opaque=True)
    with pytest.raises(UserError, match=r"`Gcode`: a tool of 0\.0001 mm takes about"):
        paint(painter, tmp_path / "long.png", tmp_path / "out", export={"one": Gcode(tool=1e-4)})
    assert not (tmp_path / "out").exists()


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="image is not set"):
        paint(CirclePainter(), None, tmp_path / "run")
    with pytest.raises(UserError, match=r"nothing\.png"):
        paint(CirclePainter(), tmp_path / "nothing.png", tmp_path / "run")


def test_the_optimizer_paints_through_the_task(tmp_path: Path) -> None:
    painter = OptimizePainter(Bezier(), strokes=8, work_size=SIZE, steps=60, tries=8)
    result = paint(painter, save(tmp_path / "a.png"), tmp_path / "run")
    assert result["psnr"] > 18  # one colour has 14
    assert result["strokes"] == 8
