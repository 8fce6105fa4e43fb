"""The task `render`."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.errors import UserError
from impasto.io.exporters import Csv
from impasto.io.record import write_record
from impasto.rendering import draw_picture
from impasto.strokes import Bezier, Stroke
from impasto.tasks.render import render
from tests.impasto.io.exporters.paintings import drawn, some_painting
from tests.impasto.strokes.kinds import KINDS


@pytest.fixture
def record(tmp_path: Path) -> Path:
    write_record(tmp_path / "strokes.json", some_painting(Bezier()))
    return tmp_path / "strokes.json"


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_the_same_pixels(stroke: Stroke, tmp_path: Path) -> None:
    painting = some_painting(stroke)
    write_record(tmp_path / "strokes.json", painting)
    result = render(tmp_path / "strokes.json", tmp_path / "run")
    assert result == {"strokes": 40, "width": 240, "height": 160}
    difference = read(tmp_path / "run" / "painting.png").astype(int) - drawn(painting)
    assert np.abs(difference).max() <= 1  # a relative control point is rounded in the record
    assert (difference != 0).mean() < 1e-3


def test_any_size_and_exports(record: Path, tmp_path: Path) -> None:
    render(record, tmp_path / "run", size=600, export={"csv": Csv()})
    assert read(tmp_path / "run" / "painting.png").shape == (400, 600, 3)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"painting.png", "painting.csv"}


def test_another_background_or_none(record: Path, tmp_path: Path) -> None:
    painting = some_painting(Bezier())
    render(record, tmp_path / "white", background=[1, 1, 1])
    expected = draw_picture(painting.stroke, painting.strokes, 160, 240, (1, 1, 1))
    assert np.abs(read(tmp_path / "white" / "painting.png").astype(int) - expected).max() <= 1
    render(record, tmp_path / "none", background="transparent")
    assert read(tmp_path / "none" / "painting.png").shape == (160, 240, 4)


@pytest.mark.parametrize("background", ["red", [0, 1], [0, 0, 2]])
def test_a_background_that_makes_no_sense(record: Path, tmp_path: Path, background: object) -> None:
    with pytest.raises(UserError, match="background="):
        render(record, tmp_path / "run", background=background)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("size", [0, 100_000])
def test_a_size_that_makes_no_sense(record: Path, tmp_path: Path, size: int) -> None:
    with pytest.raises(UserError, match=f"^`size` is {size} — .*, from 1 to 20000, or null$"):
        render(record, tmp_path / "run", size=size)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="record is not set"):
        render(None, tmp_path / "run")
    with pytest.raises(UserError, match=r"no\.json"):
        render(tmp_path / "no.json", tmp_path / "run")
