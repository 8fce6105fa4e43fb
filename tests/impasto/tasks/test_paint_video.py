"""Videos in, painted videos out."""

import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import imageio_ffmpeg
import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from impasto.errors import UserError
from impasto.io.images import resize_image
from impasto.io.record import read_record
from impasto.io.video import is_video, open_video, write_video
from impasto.painters import AgentOptimizePainter, OptimizePainter
from impasto.strokes import Circle
from impasto.tasks.paint import paint
from impasto.tasks.paint_video import VideoSettings, paint_frames
from tests.impasto.tasks.test_paint import CirclePainter

SIDE = 32


def frame(time: float, side: int = SIDE) -> np.ndarray:
    """A bright disc that moves to the right over a shaded ground."""
    y, x = np.mgrid[:side, :side] + 0.5
    ground = np.stack([40 + 60 * y / side, 60 + 0 * y, 120 - 60 * x / side], axis=-1)
    disc = np.hypot(x - (0.3 + 0.1 * time) * side, y - 0.5 * side) < 0.2 * side
    return np.where(disc[..., None], [230, 180, 60], ground).astype(np.uint8)


def clip(path: Path, frames: int = 4, fps: float = 8) -> Path:
    write_video(path, (frame(time) for time in range(frames)), fps)
    return path


def painter(**settings: int) -> OptimizePainter:
    given = {"strokes": 16, "work_size": SIDE, "steps": 120, "tries": 8, **settings}
    return OptimizePainter(Circle(), **given)  # type: ignore[arg-type]


def test_a_film_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = clip(tmp_path / "-a:b [1].mp4", frames=5, fps=8)
    read = open_video(path)
    assert (read.height, read.width, read.fps, read.frames) == (SIDE, SIDE, 8, 5)
    frames = list(read.read())
    assert len(frames) == 5
    assert np.abs(frames[3].astype(int) - frame(3)).mean() < 6
    assert len(list(read.read(frames=2))) == 2
    assert len(list(read.read(fps=4))) == 3
    write_video(tmp_path / "odd.mp4", [frame(0)[:31, :29]], 8)
    assert iio.imread(tmp_path / "odd.mp4", plugin="FFMPEG").shape == (1, 32, 30, 3)


def test_frames_stay_close_and_good() -> None:
    """The strokes follow the disc instead of being found anew, which flickers."""
    moving = (frame(0.5 * number) for number in range(4))
    paintings = list(paint_frames(painter(), moving, 100, "cpu"))
    strokes = torch.stack([one.record.strokes for one in paintings])  # (4, N, D)
    movement = (strokes[1:, :, :2] - strokes[:-1, :, :2]).norm(dim=-1).mean(1)
    anew = [
        next(paint_frames(painter(seed=seed), [frame(seed)], 60, "cpu")).record.strokes
        for seed in (0, 1)
    ]
    assert (anew[1] - anew[0])[:, :2].norm(dim=-1).mean() > 4 * movement.max()
    # By seed paintings have 31.2 to 34.1 dB; of the last frame the first one itself has 16.
    assert min(one.psnr for one in paintings[1:]) > paintings[0].psnr - 4


def test_another_scene_is_painted_anew() -> None:
    other = 255 - frame(3)[::-1, ::-1]
    quick = painter(steps=150)
    first, _, alone = paint_frames(quick, [frame(0), frame(0.1), other], 2, "cpu")
    [afresh] = paint_frames(quick, [other], 2, "cpu")
    assert torch.equal(alone.record.strokes, afresh.record.strokes)
    assert not torch.equal(first.record.strokes, afresh.record.strokes)


def test_a_video_leaves_a_film_and_a_record_of_each_frame(tmp_path: Path) -> None:
    source = clip(tmp_path / "my clip.mp4")
    quick, settings = painter(steps=20), VideoSettings(steps=5, frames=3)
    result = paint(quick, [str(source)], tmp_path / "run", size=64, video=settings)
    folder = tmp_path / "run" / "my clip"
    assert sorted(path.name for path in folder.iterdir()) == ["frames", "painting.mp4"]
    records = sorted((folder / "frames").iterdir())
    assert [path.name for path in records] == [f"{n:06d}.json" for n in (1, 2, 3)]
    record = read_record(records[2])
    assert (record.width, record.height, len(record.strokes)) == (64, 64, 16)
    film = iio.imread(folder / "painting.mp4", plugin="FFMPEG")
    assert film.shape == (3, 64, 64, 3)
    assert iio.immeta(folder / "painting.mp4", plugin="FFMPEG")["fps"] == 8
    assert (result["images"], result["strokes"]) == (3, 16)
    targets = [resize_image(picture, 64, 64) for picture in open_video(source).read(frames=3)]
    drawn = [read_record(path).draw() for path in records]
    psnr = [peak_signal_noise_ratio(*pair) for pair in zip(targets, drawn, strict=True)]
    assert result["psnr"] == pytest.approx(np.mean(psnr))


def test_pictures_and_videos_together(tmp_path: Path) -> None:
    sources = [clip(tmp_path / "a.mp4", frames=2), tmp_path / "b.png"]
    Image.fromarray(frame(0)).save(sources[1])
    result = paint(painter(steps=3), sources, tmp_path / "run", video=VideoSettings(steps=2))
    assert result["images"] == 3
    assert (tmp_path / "run" / "paintings.png").is_file()


def test_what_is_no_film_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mov").write_text("no film at all\n" * 100)
    cut = clip(tmp_path / "cut.mp4")
    cut.write_bytes(cut.read_bytes()[:400])
    for name in ("empty.mp4", "text.mov", "cut.mp4"):
        assert is_video(tmp_path / name)
        with pytest.raises(UserError, match=rf"{name}: .*video"):
            paint(painter(), tmp_path / name, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_painter_that_starts_anew_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"anew.*`OptimizePainter`, or an agent with `refine=120`"):
        paint(CirclePainter(), clip(tmp_path / "a.mp4", frames=1), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert AgentOptimizePainter.refines


def test_a_mask_is_for_pictures(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, mask = tmp_path / "in", tmp_path / "mask.png"
    folder.mkdir()
    video = clip(folder / "a.mp4", 2)
    for path in (mask, folder / "b.png"):
        Image.fromarray(frame(0)).save(path)
    with pytest.raises(UserError, match="mask is for pictures"):
        paint(painter(steps=1), [video, folder], tmp_path / "out", mask=mask)
    assert not (tmp_path / "out").exists()
    assert paint(painter(steps=1), folder, tmp_path / "out", mask=mask)["images"] == 1
    assert "skipped: mask is for pictures, and" in caplog.text


def test_videos_in_a_folder_or_a_glob_are_painted_one_after_the_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.MP4", "c.mov"):
        clip(folder / name, frames=2)
    Image.fromarray(frame(0)).save(folder / "b.png")
    (folder / "d.mkv").write_text("no film")
    quick, settings = painter(steps=2), VideoSettings(steps=1)
    result = paint(quick, folder, tmp_path / "run", video=settings)
    assert result["images"] == 5
    painted = sorted(path.parent.name for path in (tmp_path / "run").glob("*/painting.*"))
    assert painted == ["a", "b", "c"]
    assert [line.split("/")[-1] for line in caplog.messages if line.startswith("skipped: ")] == [
        "d.mkv: not a video that ffmpeg can read"
    ]
    result = paint(quick, str(folder / "[ac].*"), tmp_path / "again", video=settings)
    assert result["images"] == 4


def film(path: Path, *options: str) -> Path:
    """A film of 64 x 48 pixels whose left half is red and whose right half is blue."""
    source = "color=red:32x48:8:d=0.5[l];color=blue:32x48:8:d=0.5[r];[l][r]hstack"
    given = ["-f", "lavfi", "-i", f"{source}[v];[v]{options[0]}" if options else source]
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([ffmpeg, "-v", "error", *given, str(path)], check=True)
    return path


@pytest.mark.parametrize(
    ("ratio", "turned", "shape"),
    [
        ("2/1", False, (48, 128)),
        ("1/2", False, (96, 64)),
        ("1/1", True, (64, 48)),
        ("2/1", True, (128, 48)),
    ],
)
def test_a_film_keeps_the_aspect_that_it_is_shown_in(
    tmp_path: Path,
    ratio: str,
    turned: bool,
    shape: tuple[int, int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = film(tmp_path / "a.mp4", f"setsar={ratio}")
    if turned:
        marked, source = tmp_path / "turned.mp4", ["-display_rotation", "90", "-i", str(path)]
        ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
        subprocess.run([ffmpeg, "-v", "error", *source, "-c", "copy", str(marked)], check=True)
        path = marked
    clip = open_video(path)
    assert (clip.height, clip.width) == shape
    [image, *_] = list(clip.read(fps=4))
    assert image.shape == (*shape, 3)
    red, blue = (image[-9:-1], image[1:9]) if turned else (image[:, 1:9], image[:, -9:-1])
    assert red[..., 0].min() > 200 > 60 > red[..., 2].max()
    assert blue[..., 2].min() > 200 > 60 > blue[..., 0].max()
    assert not caplog.records  # a progress bar stands there


def test_without_ffmpeg_only_videos_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = clip(tmp_path / "a.mp4", frames=1)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    Image.fromarray(frame(0)).save(tmp_path / "b.png")
    paint(painter(steps=2), tmp_path / "b.png", tmp_path / "run")
    with pytest.raises(UserError, match=r"a\.mp4 is a video, which needs ffmpeg, .* not found"):
        paint(painter(), source, tmp_path / "run")


@pytest.mark.parametrize(("key", "value"), [("steps", 0), ("fps", 0), ("fps", -1), ("frames", 0)])
def test_settings_that_make_no_sense(key: str, value: int) -> None:
    with pytest.raises(UserError, match=rf"^`{key}` is {value} — give"):
        VideoSettings(**{key: value})


def test_an_interruption_leaves_the_film_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, made = clip(tmp_path / "a.mp4"), []

    class Stopped(OptimizePainter):
        def paint(self, *arguments: object, **more: object) -> torch.Tensor:
            if len(made) == 2:
                raise KeyboardInterrupt
            made.append(super().paint(*arguments, **more))  # type: ignore[arg-type]
            return made[-1]

    stopped = Stopped(Circle(), 4, work_size=SIDE, steps=3, tries=4)
    with pytest.raises(KeyboardInterrupt):
        paint(stopped, source, tmp_path / "run", video=VideoSettings(steps=2))
    folder = tmp_path / "run" / "a"
    assert len(iio.imread(folder / "painting.mp4", plugin="FFMPEG")) == 2
    assert len(list((folder / "frames").iterdir())) == 2
