"""Painting from Python: the figure is that of the file, the names are the command line's."""

import io
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from impasto import api
from impasto.api import paint, paint_many
from impasto.errors import UserError
from impasto.io.images import resize_image
from impasto.launch.compose import choices
from impasto.painters import AgentOptimizePainter, AgentPainter, OptimizePainter, Painter
from impasto.painters.named import REFINED, named_painter
from impasto.painting import Painting
from impasto.strokes import Circle, Line
from impasto.strokes.named import named_stroke
from tests.conftest import CONF, Compose, has_libmypaint

GREEN = (0.2, 0.6, 0.4)  # 51, 153, 102


def scene(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    """Coloured blocks with noise, which 32 pixels don't show; with alpha, half is half there."""
    generator = np.random.default_rng(0)
    blocks = generator.integers(60, 200, (3, 4, 3)).repeat(height // 3, 0).repeat(width // 4, 1)
    image = blocks + generator.integers(-40, 40, blocks.shape)
    alpha = np.full((*blocks.shape[:2], 1), 255)
    alpha[:, : width // 2] = 150
    alpha[: height // 3] = 0
    return np.concatenate([image, alpha], 2)[..., :channels].astype(np.uint8)


def painter() -> OptimizePainter:
    settings = {"work_size": 32, "steps": 10, "tries": 4, "moves": 0}
    return OptimizePainter(Circle(), 12, background=GREEN, **settings)  # type: ignore[arg-type]


def shown(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """A picture on green, not rounded."""
    if image.shape[2] == 3:
        return image.astype(float)
    share = image[..., 3:] / 255
    return image[..., :3] * share + np.multiply(GREEN, 255) * (1 - share)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("size", [None, 40, 300])
def test_the_figure_is_that_of_the_two_files(
    tmp_path: Path, channels: int, size: int | None
) -> None:
    """A photograph of 96 x 128 pixels, whose strokes are found at 24 x 32."""
    Image.fromarray(scene(96, 128, channels)).save(tmp_path / "photo.png")
    painting = paint(tmp_path / "photo.png", painter=painter()).at(size)
    painting.save(tmp_path)
    picture, delivered = (
        np.asarray(Image.open(tmp_path / name)) for name in ("photo.png", "painting.png")
    )
    assert delivered.shape[2] == channels
    flat = np.rint(shown(picture)).astype(np.uint8)
    target = resize_image(flat, *delivered.shape[:2])
    expected = peak_signal_noise_ratio(target.astype(float), shown(delivered), data_range=255)
    assert painting.psnr == pytest.approx(expected, abs=0.02 if channels == 4 else 1e-6)
    assert painting.measures()["psnr"] == painting.psnr
    assert painting.canvas.shape == painting.target.shape == (3, *delivered.shape[:2])


def test_detail_that_the_canvas_has_not_counts() -> None:
    """On a canvas of 24 x 32 pixels there would be next to no noise."""
    told: list[float] = []
    painting = paint(
        scene(96, 128), painter=painter(), progress=lambda sketch: told.append(sketch.psnr)
    )
    assert painting.psnr < told[-1] - 1


def test_a_painting_is_drawn_once_and_apart_from_what_is_done_to_its_arrays() -> None:
    image = scene(24, 32)
    painting = paint(image, painter=painter())
    assert painting.at(32) is painting.at(None) is painting
    assert painting.drawn is painting.drawn
    assert painting.picture(64).shape == (48, 64, 3)
    expected = peak_signal_noise_ratio(image, painting.picture())
    image[:] = 0
    painting.picture()[:] = 0
    assert painting.psnr == pytest.approx(expected)


def quick(**settings: Any) -> OptimizePainter:
    return OptimizePainter(Circle(), **{"strokes": 3, "steps": 2, "tries": 2, **settings})


@pytest.mark.parametrize("name", [one for one in choices(CONF, "stroke") if one != "brush"])
def test_a_kind_of_stroke_has_the_command_lines_name(name: str, compose_config: Compose) -> None:
    if name == "mypaint" and not has_libmypaint():
        pytest.skip("libmypaint is not installed")
    built = instantiate(compose_config("task=paint", f"stroke={name}").stroke, _convert_="all")
    assert type(named_stroke(name)) is type(built)
    assert named_stroke(name).config() == built.config()


@pytest.mark.parametrize("name", choices(CONF, "painter"))
def test_a_painter_has_the_command_lines_name(name: str, compose_config: Compose) -> None:
    given = ["task=paint", f"painter={name}", "agent.weights=photos", "strokes=7", "seed=3"]
    built = instantiate(compose_config(*given).painter)
    weights = None if name == "optimize" else "photos"
    ours = named_painter(name, 7, seed=3, weights=weights)
    apart = ("stroke", "agent", "policy")
    assert type(ours) is type(built)
    assert vars(ours).keys() == vars(built).keys()
    for key in vars(ours).keys() - {*apart}:
        assert np.array_equal(getattr(ours, key), getattr(built, key)), key
    assert ours.stroke.geometry() == built.stroke.geometry()
    assert isinstance(ours, AgentOptimizePainter) == (name in REFINED)


@pytest.mark.parametrize("name", choices(CONF, "style"))
def test_a_style_has_the_command_lines_name(name: str, compose_config: Compose) -> None:
    built = instantiate(compose_config("task=paint", f"style={name}").painter, _convert_="all")
    ours = named_painter("optimize", style=name)
    for key in vars(ours).keys() - {"stroke"}:
        assert np.array_equal(getattr(ours, key), getattr(built, key)), key
    assert ours.stroke.config() == built.stroke.config()
    assert named_painter("optimize", stroke="line", style=name).stroke.name == "line"


def test_a_style_that_does_not_go_with_the_rest_is_refused() -> None:
    wrong = [
        ({"style": "cubism"}, "`style=cubism` is unknown — choose from photo, oil"),
        ({"style": "oil", "stroke": Line()}, "`style=oil` beside a stroke with limits of its own"),
        ({"style": "oil", "painter": quick()}, "`style` beside a painter that has its own"),
        ({"style": "ink", "painter": "agent", "weights": "photos"}, "in no `style=ink`"),
    ]
    for settings, message in wrong:
        with pytest.raises(UserError, match=message):
            paint(scene(24, 32), **settings)


def test_names_settle_strokes_kind_and_painter() -> None:
    named = {"strokes": 2, "stroke": "line", "painter": "optimize", "quality": "sketch", "seed": 3}
    painting = paint(scene(24, 32), **named)
    same = OptimizePainter(Line(), 2, steps=100, seed=3)
    assert torch.equal(painting.record.strokes, paint(scene(24, 32), painter=same).record.strokes)


def test_numbers_of_numpy_count() -> None:
    painting = paint(scene(24, 32), np.int64(2), "circle", quality="sketch", seed=np.int64(1))
    assert len(painting.record.strokes) == 2


def test_strokes_beside_a_painter_count() -> None:
    assert len(paint(scene(24, 32), 2, painter=quick()).record.strokes) == 2
    assert len(paint(scene(24, 32), painter=quick()).record.strokes) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"stroke": "oill"}, "`stroke=oill` is unknown — choose from .*circle.*oil"),
        ({"stroke": "brush"}, "image"),
        ({"painter": "optimise"}, "is unknown — choose from optimize, agent, agent.optimize"),
        ({"painter": None}, "a painter can't be of type NoneType — give a painter, or its name"),
        ({"painter": "agent"}, "`weights=photos`"),
        ({"painter": "agent", "weights": 3}, "`weights` can't be of type int"),
        ({"painter": "agent", "weights": "nobody"}, "one of digits, photos"),
        ({"weights": "photos"}, "leave out `weights`"),
        ({"painter": "agent", "weights": "photos", "stroke": "pixel"}, "leave out `stroke`"),
        ({"painter": "agent", "weights": "photos", "background": (1, 1, 1)}, "`background`"),
        ({"painter": quick(), "stroke": "line"}, "`stroke` beside a painter that has its own"),
        ({"painter": quick(), "seed": 3, "background": GREEN}, "`background` and `seed` beside"),
        ({"strokes": "many"}, "give a whole number, or auto"),
        ({"strokes": 0}, "`strokes` is 0"),
        ({"strokes": 2.5}, "`strokes` is 2.5"),
        ({"quality": "fine"}, "choose from sketch, good, best"),
        ({"quality": "good", "seconds": 3.0}, "give one of them"),
        ({"background": (0, 0, 255)}, "`background`"),
        ({"seed": -1}, "`seed` is -1"),
        ({"device": "cuda:7"}, "`device` is 'cuda:7', which this machine does not have"),
        ({"device": "gpus"}, "choose `device=auto` or `device=cpu`"),
        ({"mask": np.ones((24, 32))[:, :9]}, "another shape"),
        ({"mask": 7}, "give a path"),
    ],
)
def test_a_wrong_argument_is_refused_in_a_line(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        paint(scene(24, 32), **arguments)
    assert "\n" not in str(error.value)


def test_a_bar_shows_the_progress(capsys: pytest.CaptureFixture[str]) -> None:
    paint(scene(24, 32), painter=quick())
    assert capsys.readouterr().err == ""
    paint(scene(24, 32), painter=quick(), progress=True)
    assert "2/2" in capsys.readouterr().err


def pictures() -> list[Any]:
    """Pictures in several forms, each unlike the others."""
    arrays = [np.roll(scene(24, 32), shift, axis=1) for shift in range(5)]
    file = io.BytesIO()
    Image.fromarray(arrays[0]).save(file, "PNG")
    rest = [arrays[1], Image.fromarray(arrays[2]), arrays[3] / 255, torch.tensor(arrays[4])]
    return [io.BytesIO(file.getvalue()), *rest]


def records(paintings: Any) -> list[torch.Tensor]:
    return [painting.record.strokes for painting in paintings]


@pytest.mark.parametrize("workers", [1, 2])
def test_many_pictures_come_in_order(workers: int) -> None:
    expected = records(paint(image, painter=quick()) for image in pictures())
    found = records(paint_many(iter(pictures()), workers=workers, painter=quick()))
    assert all(map(torch.equal, found, expected))
    assert len(found) == len({float(one.sum()) for one in found}) == 5


@pytest.mark.parametrize("workers", [1, 2])
def test_of_many_pictures_those_before_a_wrong_one_are_painted(workers: int) -> None:
    images = [*pictures()[1:3], "nowhere.png", scene(24, 32)]
    paintings = paint_many(images, workers=workers, painter=quick())
    assert len([next(paintings), next(paintings)]) == 2
    with pytest.raises(UserError, match=r"nowhere\.png"):
        next(paintings)


def test_on_a_gpu_pictures_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "find_device", torch.device)

    def told(image: int, device: torch.device, strokes: int) -> tuple[int, str, int]:
        return image, device.type, strokes

    monkeypatch.setattr(api, "paint", told)  # another process would not have it
    found = list(paint_many([3, 1, 2], device="cuda", strokes=7))
    assert found == [(3, "cuda", 7), (1, "cuda", 7), (2, "cuda", 7)]


def test_pictures_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def endless() -> Any:
        while True:
            taken.append(1)
            yield scene(24, 32)

    paintings = paint_many(endless(), workers=2, painter=quick())
    next(paintings)
    assert len(taken) <= 5
    with pytest.raises(UserError, match="one picture"):
        next(paint_many("a.png"))


@pytest.mark.parametrize(
    "painter", [quick(steps=20), AgentPainter.load("digits", strokes=5)], ids=["optimize", "agent"]
)
def test_threads_paint_as_one_does(painter: Painter) -> None:
    images = [np.roll(scene(24, 32), shift, axis=1) for shift in range(4)]
    one = partial(paint, painter=painter)
    expected = records(map(one, images))
    with ThreadPoolExecutor(2) as pool:
        found = records(pool.map(one, images))
    assert all(map(torch.equal, found, expected))


def test_a_painting_shows_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    painting = paint(scene(24, 32), painter=quick())
    assert repr(painting) == "<Painting: 3 circle strokes, 32 x 24 px>"
    with Image.open(io.BytesIO(painting._repr_png_())) as shown:
        np.testing.assert_array_equal(np.asarray(shown), painting.picture())
    with Image.open(io.BytesIO(painting.at(3000)._repr_png_())) as shown:
        assert shown.size == (1024, 768)
    np.testing.assert_array_equal(np.asarray(painting.to_pil(64)), painting.picture(64))
    opened: list[tuple[int, int]] = []
    monkeypatch.setattr(Image.Image, "show", lambda image: opened.append(image.size))
    painting.show()
    assert opened == [(32, 24)]
    assert painting.svg(tmp_path / "a.svg") == (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert painting.svg().count("<circle") == 3


@pytest.mark.parametrize("suffix", [".gif", ".mp4", ".html", ".GIF"])
def test_a_film_is_of_the_kind_that_its_name_says(suffix: str, tmp_path: Path) -> None:
    painting = paint(scene(24, 32), painter=quick())
    path = painting.film(str(tmp_path / f"a{suffix}"))
    begin = {"gif": b"GIF89a", "mp4": b"ftyp", "html": b"<!doctype html>"}[suffix[1:].lower()]
    assert begin in path.read_bytes()[:20]
    assert [one.name for one in tmp_path.iterdir()] == [f"a{suffix}"]


def test_a_wrong_film_is_refused(tmp_path: Path) -> None:
    painting = paint(scene(24, 32), painter=quick())
    with pytest.raises(UserError, match=r"ends in \.gif, \.mp4, \.html"):
        painting.film(tmp_path / "a.avi")
    with pytest.raises(UserError, match="`Gif` takes seconds, fps, hold, size"):
        painting.film(tmp_path / "a.gif", speed=3)
    with pytest.raises(UserError, match="`seconds` is 0"):
        painting.film(tmp_path / "a.gif", seconds=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("channels", [3, 4])
def test_a_saved_painting_is_loaded(tmp_path: Path, channels: int) -> None:
    image = scene(24, 32, channels)
    painting = paint(image, painter=quick())
    painting.save(tmp_path)
    loaded = Painting.load(tmp_path)
    np.testing.assert_array_equal(loaded.picture(), painting.picture())
    np.testing.assert_array_equal(loaded.picture(90), painting.picture(90))
    with pytest.raises(UserError, match="load it with `image`"):
        _ = loaded.psnr
    measured = Painting.load(str(tmp_path / "strokes.json"), image)
    assert measured.psnr == pytest.approx(painting.psnr)
    with pytest.raises(UserError, match="no such file"):
        Painting.load(tmp_path / "nowhere")


@pytest.mark.slow
def test_a_thousand_calls_need_no_more_memory() -> None:
    """Of every form, as paths into C have leaks of their own."""
    used = []
    for call in range(1000):
        image = pictures()[call % 5]
        painting = paint(image, painter=quick(steps=1))
        painting._repr_png_()
        assert painting.psnr > 0
        if call % 100 == 99:
            lines = Path("/proc/self/status").read_text().splitlines()
            used.append(next(int(one.split()[1]) for one in lines if one.startswith("RssAnon")))
    assert max(used[5:]) - used[4] < 4000  # kB: half a call's picture of 1 kB would be 250
