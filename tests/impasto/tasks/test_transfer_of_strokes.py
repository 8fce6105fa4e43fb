"""What `visualize` and `stylize` say and show of a learned renderer's canvas and of the strokes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from impasto.errors import UserError
from impasto.io.images import read_image
from impasto.io.record import StrokeRecord, read_record
from impasto.mypaint.library import library
from impasto.networks.classifiers import load_classifier
from impasto.networks.features import ClassifierFeatures
from impasto.renderers import AnalyticRenderer, FieldRenderer, Renderer
from impasto.rendering import draw, draw_canvas
from impasto.strokes import Bezier, MyPaint, Stroke
from impasto.tasks.stylize import stylize
from impasto.tasks.visualize import _worth, visualize
from impasto.visualizing import ClassGoal, Descent, Grid, GridCanvas, Views

SIZE, STEPS = 32, 6
BLACK = (0.0, 0.0, 0.0)
GAP = 2  # pixels after each picture of a sheet


def learned(stroke: Stroke, size: int = SIZE) -> FieldRenderer:
    torch.manual_seed(0)
    return FieldRenderer(stroke, size, fields=8, opacities=2, hidden=16, channels=8)


def make(folder: Path, renderer: Renderer, **changed: object) -> dict[str, object]:
    given: dict[str, object] = {
        "renderer": renderer,
        "classifiers": ["digits"],
        "label": "3",
        "folder": folder,
        "strokes": 4,
        "views": Views(2),
        "descent": Descent(steps=STEPS, size=0.1, spread=0.5),
    }
    return visualize(**{**given, **changed})  # type: ignore[arg-type]


def read(picture: Tensor) -> float:
    return float(load_classifier("digits")(picture[None]).softmax(1)[0, 3])


def painted(record: StrokeRecord, size: int = SIZE) -> Tensor:
    return draw_canvas(record.stroke, record.strokes, size, size, BLACK)


def halves(path: Path, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The two pictures (3, H, W) of a transfer.png."""
    with Image.open(path) as picture:
        pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1) / 255
    scale = 256 // max(height, width)
    wide = width * scale + GAP
    assert pixels.shape[2] == 2 * wide
    parts = pixels[:, : height * scale], pixels[:, : height * scale]
    seen, drawn = parts[0][..., : width * scale], parts[1][..., wide : wide + width * scale]
    return seen[:, ::scale, ::scale], drawn[:, ::scale, ::scale]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The strokes after each step."""
    every: list[Tensor] = []
    run = Descent.run

    def spied(
        self: Descent,
        canvas: GridCanvas,
        start: Tensor,
        loss: Callable[[Tensor], Tensor],
        tell: Callable[[float, Tensor], None],
    ) -> Tensor:
        def both(value: float, strokes: Tensor) -> None:
            every.append(strokes)
            tell(value, strokes)

        return run(self, canvas, start, loss, both)

    monkeypatch.setattr(Descent, "run", spied)
    return every


def test_the_renderers_canvas_lies_beside_the_strokes_with_their_l2(tmp_path: Path) -> None:
    renderer = learned(Bezier())
    result = make(tmp_path, renderer)
    strokes = read_record(tmp_path / "strokes.json").strokes
    seen, drawn = halves(tmp_path / "transfer.png", SIZE, SIZE)
    with torch.no_grad():
        alpha = renderer(strokes[:, :-3])
    canvas = torch.zeros(3, SIZE, SIZE)
    for one, stroke in zip(alpha, strokes, strict=True):
        canvas = canvas * (1 - one) + stroke[-3:, None, None] * one
    real = painted(read_record(tmp_path / "strokes.json"))
    for shown, expected in ((seen, canvas), (drawn, real)):
        torch.testing.assert_close(shown, expected, atol=0.003, rtol=0)
    assert result["l2_transfer"] == pytest.approx(float((canvas - real).square().mean()), rel=1e-4)
    assert result["probability"] == pytest.approx(read(real), rel=1e-4)
    assert result["probability_renderer"] == pytest.approx(read(canvas), rel=1e-4)
    assert "probability_redrawn" not in result


@pytest.mark.parametrize("bar", [True, False])
@pytest.mark.parametrize(("candidates", "asked", "taken"), [(1, 1, 5), (3, 3, 4), (50, 6, 1)])
def test_of_the_last_steps_strokes_those_are_taken_that_read_best(
    candidates: int,
    asked: int,
    taken: int,
    bar: bool,
    tmp_path: Path,
    told: list[Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worth = [0.3, 0.9, 0.1, 0.2, 0.8, 0.5]
    judged: list[Tensor] = []

    def judge(aim: ClassGoal, canvas: GridCanvas, strokes: Tensor) -> float:
        judged.append(strokes)
        return worth[len(told) - 1]

    monkeypatch.setattr("impasto.tasks.visualize._worth", judge)
    monkeypatch.setattr("impasto.tasks.stroke_descent.tqdm", partial(tqdm, disable=not bar))
    make(tmp_path, learned(Bezier()), candidates=candidates)
    assert len(told) == STEPS
    assert len(judged) == asked
    assert all(one is other for one, other in zip(judged, told[-asked:], strict=True))
    torch.testing.assert_close(read_record(tmp_path / "strokes.json").strokes, told[taken])


def test_the_exact_renderer_has_nothing_to_choose_or_to_show(
    tmp_path: Path, told: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "impasto.tasks.visualize._worth", lambda *_: float(-len(told))
    )  # the first one
    result = make(tmp_path, AnalyticRenderer(Bezier(), SIZE))
    torch.testing.assert_close(read_record(tmp_path / "strokes.json").strokes, told[-1])
    assert not (tmp_path / "transfer.png").exists()
    assert "l2_transfer" not in result


def test_strokes_with_random_numbers_are_judged_by_two_drawings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fainter(Bezier):
        def rasterize(self, shape: Tensor, height: int, width: int) -> Tensor:
            return super().rasterize(shape, height, width) * 0.5

    monkeypatch.setattr(Bezier, "random", True)
    monkeypatch.setattr(Bezier, "reseeded", lambda kind: Fainter())
    result = make(tmp_path, learned(Bezier()))
    found = read_record(tmp_path / "strokes.json").strokes
    real, again = (
        read(draw(kind, found[None], SIZE, SIZE, BLACK)[0]) for kind in (Bezier(), Fainter())
    )
    assert real != again
    aim = ClassGoal.of([load_classifier("digits")], "3", "logit", Views(), BLACK)
    canvas_of = GridCanvas(learned(Bezier()), Grid(SIZE), len(found), BLACK)
    assert _worth(aim, canvas_of, found) == pytest.approx(min(real, again), rel=1e-4)
    assert result["probability"] == pytest.approx(real, rel=1e-4)
    canvas = torch.zeros(3, SIZE, SIZE)
    for one in found:
        alpha = Bezier().rasterize(one[None, :-3], SIZE, SIZE)[0] * 0.5
        canvas = canvas * (1 - alpha) + one[-3:, None, None] * alpha
    assert result["probability_redrawn"] == pytest.approx(read(canvas), rel=1e-4)


def test_what_is_reported_of_mypaint_is_its_own_drawing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        library()
    except UserError as error:
        pytest.skip(error.what)
    brush = {"opaque": {"base_value": 1.0, "inputs": {}}}
    caplog.set_level("INFO")
    result = make(tmp_path, learned(MyPaint("plain", brush), 64), strokes=2)
    record = read_record(tmp_path / "strokes.json")
    assert record.stroke.name == "mypaint"
    assert result["probability"] == pytest.approx(read(painted(record, 64)), rel=1e-4)
    again = draw(record.stroke.reseeded(), record.strokes[None], 64, 64, BLACK)[0]
    assert result["probability_redrawn"] == pytest.approx(read(again), rel=1e-4)
    (line,) = [one for one in caplog.messages if one.startswith("transfer: ")]
    for key in ("probability_renderer", "probability", "l2_transfer"):
        assert f"{result[key]:.4f}" in line
    assert "transfer.png" in line


def test_a_stylized_picture_lies_beside_what_the_renderer_saw(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 40, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    features = ClassifierFeatures("squeezenet1_1", ["features.1"], "random")
    results = [
        stylize(
            renderer,
            tmp_path / "noise.png",
            features,
            tmp_path / str(number),
            strokes=12,
            canvases=1,
            descent=Descent(steps=2, size=0.1),
        )
        for number, renderer in enumerate((learned(Bezier(), 16), AnalyticRenderer(Bezier(), 16)))
    ]
    assert not (tmp_path / "1" / "noise" / "transfer.png").exists()
    assert "l2_transfer" not in results[1]
    folder = tmp_path / "0" / "noise"
    seen, drawn = halves(folder / "transfer.png", 16, 32)
    record = read_record(folder / "strokes.json")
    real = draw_canvas(record.stroke, record.strokes, 16, 32, BLACK)
    torch.testing.assert_close(drawn, real, atol=0.003, rtol=0)
    assert results[0]["l2_transfer"] == pytest.approx(
        float((seen - drawn).square().mean()), rel=0.05, abs=1e-5
    )
    assert results[0]["l2_transfer"] != 0
    assert read_image(folder / "painting.png").shape == (20, 40, 3)
