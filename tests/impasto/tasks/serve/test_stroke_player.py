"""Going back and forth in a painting."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from impasto import rendering
from impasto.io.record import StrokeRecord
from impasto.rendering import draw_picture
from impasto.strokes import Bezier
from impasto.tasks.serve import stroke_player
from impasto.tasks.serve.stroke_player import States

HEIGHT, WIDTH, COUNT = 20, 30, 40
BACKGROUND = (0.2, 0.4, 0.6)


@pytest.fixture
def painting() -> StrokeRecord:
    strokes = torch.rand(COUNT, 13, generator=torch.Generator().manual_seed(0))
    return StrokeRecord(Bezier(), strokes, WIDTH, HEIGHT, BACKGROUND)


def drawn(painting: StrokeRecord, count: int) -> np.ndarray:
    first = painting.strokes[:count]
    return draw_picture(painting.stroke, first, HEIGHT, WIDTH, painting.background or (0, 0, 0))


def test_every_state_is_that_of_its_strokes_alone(painting: StrokeRecord) -> None:
    found = States(painting)
    assert len(found) == COUNT
    for count in (COUNT, 3, 0, 17, 16, 8, 9, COUNT - 1, COUNT):  # back and forth
        assert np.array_equal(found.after(count), drawn(painting, count)), count
    assert np.array_equal(found.after(-1), drawn(painting, 0))
    assert np.array_equal(found.after(COUNT + 1), drawn(painting, COUNT))
    blank = np.rint(np.array(BACKGROUND) * 255)
    assert (found.after(0) == blank).all()


def test_few_strokes_are_drawn(painting: StrokeRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn_strokes = []
    real = rendering.rasterize_boxes

    def counted(stroke: Bezier, shapes: torch.Tensor, *size: int) -> Iterator[tuple]:
        drawn_strokes.extend(shapes)
        return real(stroke, shapes, *size)

    monkeypatch.setattr(rendering, "rasterize_boxes", counted)
    found = States(painting)
    assert found.every == 8
    found.after(20)
    assert len(drawn_strokes) == 20
    for count, strokes in ((20, 4), (7, 7), (16, 0), (24, 8), (39, 15), (39, 7)):
        drawn_strokes.clear()
        found.after(count)
        assert len(drawn_strokes) == strokes, count


def test_what_is_kept_is_bounded(painting: StrokeRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stroke_player, "_KEPT_BYTES", 2 * 3 * 4 * HEIGHT * WIDTH)
    found = States(painting)
    assert found.every == COUNT // 2
    assert np.array_equal(found.after(33), drawn(painting, 33))


def test_transparent_paintings_lie_on_black() -> None:
    painting = StrokeRecord(Bezier(), torch.zeros(0, 13), 4, 2, None)
    assert np.array_equal(States(painting).after(0), np.zeros((2, 4, 3)))
