"""One painting drawn at any size, and its film."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import painting.picture
from painting.canvas import to_uint8
from painting.drawing import draw, draw_each
from painting.errors import UserError
from painting.film import find_exports, fit_size, write_gif
from painting.picture import draw_frames, draw_picture
from painting.record import StrokeRecord
from painting.strokes import Bezier, Circle, Line, Stroke, Triangle

KINDS = [Bezier(), Line(), Circle(), Triangle()]
BACKGROUND = (0.2, 0.4, 0.6)


def some(stroke: Stroke, count: int = 9) -> torch.Tensor:
    return torch.rand(count, stroke.dim, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_bands_and_boxes_change_nothing(stroke: Stroke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painting.picture, "_BAND_PIXELS", 7 * 50)  # seven rows at a time
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


def test_gif_is_bounded_and_holds_the_last_frame(tmp_path: Path) -> None:
    record = StrokeRecord(Circle(), some(Circle(), 150), width=1000, height=500, background=None)
    write_gif(tmp_path / "painting.gif", record)
    assert [path.name for path in tmp_path.iterdir()] == ["painting.gif"]
    with Image.open(tmp_path / "painting.gif") as film:
        assert film.size == (480, 240)
        assert film.info["loop"] == 0
        # Pillow joins equal frames, which a stroke that hides nothing may cause.
        assert 80 <= film.n_frames <= 100
        film.seek(film.n_frames - 1)
        assert film.info["duration"] >= 2000
        last = np.asarray(film.convert("RGB")).astype(int)
    finished = draw_picture(record.stroke, record.strokes, 240, 480, (0, 0, 0))
    assert np.abs(last - finished).mean() < 12  # a palette of 256 colours


def test_sizes_keep_the_aspect() -> None:
    assert fit_size(300, 600, 100) == (50, 100)
    assert fit_size(30, 60, 100) == (30, 60)
    assert fit_size(1, 5000, 100) == (1, 100)


def test_unknown_exports_name_the_choices() -> None:
    with pytest.raises(UserError, match=r"export=tiff is unknown — choose from .*gif"):
        find_exports(["gif", "tiff"])
    assert list(find_exports("gif")) == ["gif"]
    assert find_exports(None) == {}
