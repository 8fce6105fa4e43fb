"""One painting drawn at any size, and on its way."""

import numpy as np
import pytest
import torch

from impasto import rendering as module
from impasto.canvas import to_uint8
from impasto.rendering import draw, draw_canvas, draw_each, draw_frames, draw_picture
from impasto.strokes import Bezier, Circle, Line, Stroke, Triangle

KINDS = [Bezier(), Line(), Circle(), Triangle()]
BACKGROUND = (0.2, 0.4, 0.6)


def some(stroke: Stroke, count: int = 9) -> torch.Tensor:
    return torch.rand(count, stroke.dim, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_bands_and_boxes_change_nothing(stroke: Stroke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BAND_PIXELS", 7 * 50)  # seven rows at a time
    strokes = some(stroke)
    picture = draw_picture(stroke, strokes, 33, 50, BACKGROUND)
    whole = to_uint8(draw(stroke, strokes[None], 33, 50, BACKGROUND)[0]).permute(1, 2, 0).numpy()
    assert picture.dtype == np.uint8
    # A value at the half between two levels may round either way.
    assert np.abs(picture.astype(int) - whole).max() <= 1
    assert (picture != whole).mean() < 0.001


def test_frames_are_the_states_of_the_painting() -> None:
    stroke, strokes = Bezier(), some(Bezier())
    every = [to_uint8(c[0]).permute(1, 2, 0) for c in draw_each(stroke, strokes[None], 20, 24)]
    frames = list(draw_frames(stroke, strokes, 20, 24, (0, 0, 0), frames=100))
    assert len(frames) == 10
    for frame, state in zip(frames, every, strict=True):
        assert np.abs(frame.astype(int) - state.numpy()).max() <= 1
    few = list(draw_frames(stroke, strokes, 20, 24, (0, 0, 0), frames=4))
    assert len(few) == 4
    assert (few[0] == 0).all()
    assert (few[-1] == frames[-1]).all()


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_a_transparent_painting_is_the_same_over_any_background(stroke: Stroke) -> None:
    strokes = some(stroke)
    layer = draw_picture(stroke, strokes, 33, 50, None).astype(float) / 255
    color, alpha = layer[..., :3], layer[..., 3:]
    over = color * alpha + np.array(BACKGROUND) * (1 - alpha)
    expected = draw_picture(stroke, strokes, 33, 50, BACKGROUND)
    assert layer.shape == (33, 50, 4)
    assert np.abs(255 * over - expected).max() < 3  # two roundings


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_what_figures_are_measured_on_is_the_exact_canvas(stroke: Stroke) -> None:
    strokes = some(stroke)
    canvas = draw_canvas(stroke, strokes, 33, 50, BACKGROUND)
    expected = draw(stroke, strokes[None], 33, 50, BACKGROUND)[0]
    assert torch.allclose(canvas, expected, atol=1e-6)
