"""GIF and MP4 of a painting being made."""

import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from impasto.errors import UserError
from impasto.io.exporters import Gif, Html, Mp4, PixelArt, Png, Svg
from impasto.io.exporters.film import Film
from impasto.io.images import fit_size
from impasto.rendering import draw_picture
from impasto.strokes import Circle
from tests.impasto.io.exporters.paintings import psnr, some_painting


def test_gif_is_bounded_and_holds_the_last_frame(tmp_path: Path) -> None:
    painting = some_painting(Circle(), 150, width=1000, height=500, background=None)
    Gif().write(tmp_path, painting)
    assert [path.name for path in tmp_path.iterdir()] == ["painting.gif"]
    with Image.open(tmp_path / "painting.gif") as film:
        assert film.size == (480, 240)
        assert film.info["loop"] == 0
        # Pillow joins equal frames, which a stroke that hides nothing may cause.
        assert 75 <= film.n_frames <= 96
        film.seek(film.n_frames - 1)
        assert film.info["duration"] >= 2000
        last = np.asarray(film.convert("RGB")).astype(int)
    finished = draw_picture(painting.stroke, painting.strokes, 240, 480, (0, 0, 0))
    assert np.abs(last - finished).mean() < 12  # a palette of 256 colours


def test_mp4_has_its_length_rate_and_pictures(tmp_path: Path) -> None:
    painting = some_painting(Circle(), 60, width=101, height=77)
    path = Mp4(seconds=2, fps=10, hold=0.5, size=200).write(tmp_path, painting)
    assert [one.name for one in tmp_path.iterdir()] == ["painting.mp4"]
    about = iio.immeta(path, plugin="FFMPEG")
    assert (about["fps"], about["codec"], about["size"]) == (10, "h264", (102, 78))
    frames = iio.imread(path, plugin="FFMPEG")
    assert len(frames) == 20 + 5
    last = draw_picture(painting.stroke, painting.strokes, 77, 101, painting.background)
    assert psnr(frames[-1][:77, :101], last) > 25  # colours at half the size
    assert np.abs(frames[0].astype(int) - [51, 102, 153]).max() < 8  # the blank canvas
    assert np.abs(frames[20].astype(int) - frames[24]).max() < 8  # it stands


def test_a_film_has_no_more_frames_than_states(tmp_path: Path) -> None:
    Mp4(hold=0).write(tmp_path, some_painting(Circle(), 4))
    assert len(iio.imread(tmp_path / "painting.mp4", plugin="FFMPEG")) == 5


def test_without_ffmpeg_only_mp4_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    Gif().check()
    with pytest.raises(UserError, match=r"`Mp4` needs ffmpeg.*imageio-ffmpeg"):
        Mp4().check()


@pytest.mark.parametrize("film", [Gif, Mp4])
@pytest.mark.parametrize(
    ("key", "value", "bound"),
    [
        ("seconds", 0, "a number, above 0"),
        ("fps", 0, "a number, from 0.01 to"),
        ("fps", 500, "a number, from 0.01 to"),
        ("hold", -1, "a number, from 0 to"),
        ("size", 0, "a whole number, from 1 to 8192"),
    ],
)
def test_settings_that_make_no_sense(film: type[Film], key: str, value: int, bound: str) -> None:
    with pytest.raises(UserError, match=f"^`{key}` is {value} — give {bound}"):
        film(**{key: value})  # type: ignore[arg-type]


def test_a_gif_that_browsers_would_slow_down_is_refused() -> None:
    with pytest.raises(UserError, match=r"^`fps` is 60 — give a number, from 0.01 to 50$"):
        Gif(fps=60)
    assert (Gif(fps=50).fps, Mp4(fps=60).fps) == (50, 60)


def test_a_frame_that_stands_longer_than_a_gif_can_say_stands_that_long(tmp_path: Path) -> None:
    painting = some_painting(Circle(), 12)
    painting.strokes[:-1, 3] = 0  # no opacity: equal frames, which are one
    Gif(seconds=600, fps=0.01, hold=655, sorted=False).write(tmp_path, painting)
    with Image.open(tmp_path / "painting.gif") as film:
        assert film.n_frames == 2
        times = [(film.seek(frame), film.info["duration"])[1] for frame in range(2)]
    assert times == [500_000, 655_000]
    with pytest.raises(UserError, match=r"^`hold` is 656 — give a number, from 0 to 655$"):
        Gif(hold=656)
    with pytest.raises(UserError, match=r"^`fps` is 0.001 — give a number, from 0.01 to 50$"):
        Gif(fps=0.001)
    painting.strokes[:, 3] = 0
    Gif(fps=0.01, hold=655).write(tmp_path, painting)  # 700 seconds of nothing
    assert (tmp_path / "painting.gif").stat().st_size


def test_sizes_that_a_kind_of_file_cannot_have(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"no browser has a canvas of 40000 x 10 .* `size=32767`"):
        Html().check_size(10, 40_000)
    with pytest.raises(UserError, match=r"`size=16384` or less"):
        Html().check_size(20_000, 20_000)
    Html().check_size(8192, 32_767)
    monkeypatch.setattr("impasto.runtime.memory.available_bytes", lambda: 1e9)
    with pytest.raises(UserError, match=r"`Gif` needs .* memory.* — give a smaller size or"):
        Gif(size=4096).check_size(4096, 4096)
    with pytest.raises(UserError, match=r"`PixelArt` needs"):
        PixelArt().check_size(6000, 6000)
    for exporter in (Gif(), PixelArt(), Svg(), Mp4(), Png()):
        exporter.check_size(2000, 2000)


def test_sizes_keep_the_aspect() -> None:
    assert fit_size(300, 600, 100) == (50, 100)
    assert fit_size(30, 60, 100) == (30, 60)
    assert fit_size(1, 5000, 100) == (1, 100)


@pytest.mark.parametrize(
    "script", ["exit 1", "head -c 1000 > /dev/null; echo no room >&2; exit 1", "cat > /dev/null"]
)
def test_an_ffmpeg_that_dies_is_one_line_and_no_file(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    with pytest.raises(UserError, match=r"painting\.mp4: ffmpeg gave up \("):
        Mp4(seconds=2).write(tmp_path / "out", some_painting(Circle(), 30))
    assert list((tmp_path / "out").iterdir()) == []
