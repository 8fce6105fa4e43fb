"""The HTML player and the SVG, in a real browser."""

import base64
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from impasto.api import paint
from impasto.io.exporters import Html, Svg
from impasto.painters import OptimizePainter
from impasto.strokes import Bezier, Stroke
from tests.impasto.io.exporters.paintings import drawn, psnr, some_painting
from tests.impasto.strokes.kinds import KINDS

# A straight stroke from left to right.
ACROSS = [0.2, 0.5, 0.5, 0.5, 0.8, 0.5, 0.5, 1.0, 0.5, 1.0]


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 900, "height": 600})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []


def decode(png: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(png)) as image:
        return np.asarray(image)


def seen(page: Any) -> NDArray[np.uint8]:
    """The player's canvas, (H, W, 4)."""
    data = page.evaluate("document.getElementById('canvas').toDataURL()")
    return decode(base64.b64decode(data.split(",")[1]))


def open_player(page: Any, path: Path) -> None:
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-ready]")


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_both_are_the_painting(stroke: Stroke, page: Any, tmp_path: Path) -> None:
    painting = some_painting(stroke)
    expected = drawn(painting)
    open_player(page, Html().write(tmp_path, painting))
    page.fill("#at", "40")
    assert psnr(seen(page)[..., :3], expected) > 35
    page.set_viewport_size({"width": 240, "height": 160})
    page.goto(Svg().write(tmp_path, painting).as_uri())
    assert psnr(decode(page.screenshot())[..., :3], expected) > 35


def test_a_button_shows_the_relief(page: Any, tmp_path: Path) -> None:
    painting = some_painting(Bezier(), count=5)
    open_player(page, Html(relief=True).write(tmp_path, painting))
    assert not page.is_visible("#relief")
    page.click("#light")
    page.wait_for_function("document.getElementById('relief').naturalWidth === 240")
    assert page.is_visible("#relief")
    assert page.inner_text("#count") == "5 of 5"
    page.fill("#at", "2")
    assert not page.is_visible("#relief")
    open_player(page, Html().write(tmp_path, painting))
    assert not page.is_visible("#light")


def test_it_plays_and_pauses_and_goes_anywhere(page: Any, tmp_path: Path) -> None:
    painting = some_painting(Bezier())
    open_player(page, Html().write(tmp_path, painting))
    assert page.inner_text("#play") == "Pause"
    page.select_option("#speed", "8")
    page.wait_for_function("document.getElementById('count').textContent === '40 of 40'")
    finished = seen(page)
    assert page.inner_text("#play") == "Play"
    page.fill("#at", "11")
    assert page.inner_text("#count") == "11 of 40"
    eleven = seen(page)
    page.fill("#at", "0")
    assert (seen(page)[..., :3] == [51, 102, 153]).all()  # the background
    for count, expected in ((40, finished), (11, eleven), (40, finished)):  # back and forth
        page.fill("#at", str(count))
        assert (seen(page) == expected).all()
    page.click("#play")  # from the end it begins anew
    page.wait_for_function("!document.getElementById('count').textContent.startsWith('40')")
    assert page.inner_text("#play") == "Pause"


def test_hovering_names_the_uppermost_stroke(page: Any, tmp_path: Path) -> None:
    painting = some_painting(Bezier(), count=2)
    painting.strokes[:, :10] = painting.strokes.new_tensor(ACROSS)
    painting.strokes[:, 10:] = painting.strokes.new_tensor([[1.0, 0, 0], [0, 1.0, 0]])
    open_player(page, Html().write(tmp_path, painting))
    for count, said in ((2, "stroke 2 of 2  #00ff00"), (1, "stroke 1 of 2  #ff0000")):
        page.fill("#at", str(count))
        page.hover("#canvas", position={"x": 120, "y": 80})
        assert page.text_content("#tip") == said
    page.hover("#canvas", position={"x": 120, "y": 4})
    assert not page.is_visible("#tip")


def test_one_file_and_transparent(page: Any, tmp_path: Path) -> None:
    painting = some_painting(Bezier(), background=None)
    path = Html().write(tmp_path, painting)
    assert [one.name for one in tmp_path.iterdir()] == ["painting.html"]
    assert "http" not in path.read_text().replace("http-equiv", "")
    open_player(page, path)
    page.fill("#at", "40")
    assert psnr(seen(page)[..., 3], drawn(painting)[..., 3]) > 35


@pytest.mark.slow
def test_the_svg_of_an_optimized_painting_is_the_painting(page: Any, tmp_path: Path) -> None:
    painter = OptimizePainter(Bezier(), strokes=300, steps=40)
    painting = paint(data.coffee(), painter=painter)
    page.set_viewport_size({"width": painting.record.width, "height": painting.record.height})
    page.goto(Svg().write(tmp_path, painting.record).as_uri())
    assert psnr(decode(page.screenshot())[..., :3], painting.drawn) >= 35
