"""Paint with relief: exact, the same at every size, lit from where it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data

from impasto import paint, relief
from impasto.io.record import StrokeRecord
from impasto.relief import Look, draw_relief
from impasto.strokes import Bezier, Circle, Line, Stroke
from impasto.strokes.raster.tile_source import TILE
from tests.impasto.io.exporters.paintings import psnr, some_painting
from tests.impasto.strokes.kinds import KINDS, every_kind

SIZE = 256


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures are drawn in their own size."""
    monkeypatch.setattr(relief, "_FINEST", SIZE)


def grays(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    return picture[..., :3].mean(2)


def a_line(opacity: float = 1.0) -> StrokeRecord:
    """A wide grey stroke from left to right, on black."""
    stroke = torch.tensor([[0.2, 0.5, 0.8, 0.5, 0.5, opacity, 0.5, opacity, 0.5, 0.5, 0.5]])
    return StrokeRecord(Line(), stroke, SIZE, SIZE, (0.0, 0.0, 0.0))


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
@pytest.mark.usefixtures("coarse")
def test_bands_and_threads_change_no_byte(stroke: Stroke, monkeypatch: pytest.MonkeyPatch) -> None:
    painting = some_painting(stroke, count=12, width=300, height=SIZE)
    whole = draw_relief(painting)
    monkeypatch.setattr(relief, "_BAND_PIXELS", 300 * TILE)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    banded = draw_relief(painting)
    torch.set_num_threads(before)
    np.testing.assert_array_equal(banded, whole)
    assert np.abs(whole.astype(float) - painting.draw()).max() > 5


@pytest.mark.parametrize("kind", [Bezier, Circle])
def test_two_sizes_are_one_picture(kind: type[Stroke]) -> None:
    """Drawn in 2112 and in 2048 rows, and reduced."""
    small = some_painting(kind(), count=30, width=144, height=96)
    large = draw_relief(replace(small, width=384, height=256))
    halves = large.reshape(128, 2, 192, 2, 3).mean((1, 3))
    assert psnr(draw_relief(replace(small, width=192, height=128)), halves) > 45
    third = draw_relief(replace(small, width=48, height=32))
    assert psnr(draw_relief(small).reshape(32, 3, 48, 3, 3).mean((1, 3)), third) > 35


@pytest.mark.slow
def test_4096_pixels_are_2048() -> None:
    """Of a photograph; 300 strokes at random, each of another colour, come to 31.5 dB."""
    photograph = data.astronaut()[::2, ::2]
    painting = paint(photograph, strokes=300, quality="sketch").record
    painting = replace(painting, width=2048, height=2048)
    large = draw_relief(replace(painting, width=4096, height=4096))
    halves = large.reshape(2048, 2, 2048, 2, 3).mean((1, 3))
    assert psnr(draw_relief(painting), halves) > 35


@pytest.mark.usefixtures("coarse")
def test_flat_paint_is_the_painting() -> None:
    painting = some_painting(Circle(), width=SIZE, height=SIZE)
    flat = draw_relief(painting, Look(thickness=0))
    assert np.abs(flat.astype(int) - painting.draw()).max() <= 1


def test_light_falls_on_the_rim_that_faces_it() -> None:
    painting = replace(a_line(), width=2048, height=2048)
    lights = (grays(draw_relief(painting, Look(light=light)))[:, 700:1300] for light in (270, 90))
    above, below = (picture.mean(1) for picture in lights)
    painted = np.flatnonzero(above > 20)
    top, bottom = slice(painted[0], painted[0] + 6), slice(painted[-1] - 5, painted[-1] + 1)
    assert above[top].mean() > below[top].mean() + 20
    assert below[bottom].mean() > above[bottom].mean() + 20


def test_grooves_follow_the_path() -> None:
    picture = grays(draw_relief(replace(a_line(), width=2048, height=2048)))
    inside = picture[900:1150, 800:1200]
    across, along = (np.diff(inside, axis=axis).std() for axis in (0, 1))
    assert across > 4 * along


@pytest.mark.usefixtures("coarse")
def test_a_glaze_has_less_body() -> None:
    """An opacity of one third leaves a ninth of the relief."""
    rough = []
    for opacity in (1.0, 1 / 3):
        painting = replace(a_line(opacity), background=(0.5, 0.5, 0.5))
        rough.append((grays(draw_relief(painting, Look(gloss=0))) - grays(painting.draw())).std())
    assert 0.05 < rough[1] / rough[0] < 0.3


@pytest.mark.usefixtures("coarse")
def test_transparent_where_nothing_is_painted() -> None:
    painting = replace(a_line(), background=None)
    picture = draw_relief(painting)
    assert picture.shape == (SIZE, SIZE, 4)
    assert (picture[..., 3][painting.draw()[..., 3] == 0] == 0).all()
    assert picture[SIZE // 2, SIZE // 2, 3] == 255


@pytest.mark.usefixtures("coarse")
def test_every_kind_in_full_paint_is_still_its_picture() -> None:
    for stroke in every_kind():
        painting = some_painting(stroke, count=12, width=SIZE, height=SIZE)
        assert psnr(draw_relief(painting), painting.draw()) > 17
