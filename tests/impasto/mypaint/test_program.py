"""libmypaint's brush engine: known pixels, boxes, colours, randomness and memory."""

import math
import resource

import numpy as np
import pytest
from numpy.typing import NDArray

from impasto.mypaint import MyPaintBrush, MyPaintCanvas, find_brush
from impasto.mypaint.library import FULL, Rectangle

SIZE = 64
ACROSS = np.array([[8.0, 32.0], [32.0, 32.0], [56.0, 32.0]])
ARCH = np.array([[6.0, 12.0], [32.0, 64.0], [58.0, 12.0]])
Settings = dict[str, dict[str, object]]


def plain(**values: float) -> Settings:
    """A brush of hard, opaque, round dabs that knows nothing of pressure."""
    fixed = {"opaque": 1.0, "hardness": 1.0, "dabs_per_actual_radius": 6.0, **values}
    return {key: {"base_value": value, "inputs": {}} for key, value in fixed.items()}


def painted(
    settings: Settings,
    seed: int | None = 0,
    color: tuple[float, ...] = (1, 0, 0),
    points: NDArray[np.float64] = ACROSS,
    pressure: tuple[float, float] = (1, 1),
) -> NDArray[np.float32]:
    with MyPaintCanvas(SIZE, SIZE) as canvas, MyPaintBrush(settings) as brush:
        brush.stroke(canvas, points, pressure, 6.0, color, seed)
        return canvas.rgba()


def test_a_plain_brush_paints_the_hull_of_its_discs() -> None:
    rgba = painted(plain())
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    from_path = np.hypot(x - x.clip(8, 56), y - 32)
    from_dabs = np.hypot(x - x.clip(10, 54), y - 32)  # one a pixel: at the ends one may be missing
    inside = from_dabs < 4.9
    np.testing.assert_allclose(rgba[inside] - [1, 0, 0, 1], 0, atol=5e-3)
    assert not rgba[from_path > 7.5].any()


def test_colours_are_times_alpha() -> None:
    settings = plain(opaque=0.5, opaque_linearize=0.0)
    rgba = painted(settings, color=(1.0, 0.5, 0.0))
    alpha = rgba[..., 3]
    assert alpha.max() > 0.9
    assert ((alpha > 0.2) & (alpha < 0.8)).any()
    np.testing.assert_allclose(rgba[..., 0], alpha, atol=1e-3)
    np.testing.assert_allclose(rgba[..., 1], alpha / 2, atol=2e-3)
    assert not rgba[..., 2].any()


def test_known_pixels_of_a_known_brush_and_seed() -> None:
    _, settings = find_brush("classic/dry_brush")
    alpha = painted(settings, seed=3, points=ARCH, pressure=(0.9, 0.4))[..., 3]
    found = alpha[::16].mean(1)  # of libmypaint 1.6.0 and mypaint-brushes 2.0.2
    np.testing.assert_allclose(found, [0.0552, 0.4195, 0.5673, 0.1013], atol=2e-3)


def test_a_seed_gives_the_same_stroke_and_another_one_another() -> None:
    _, settings = find_brush("classic/dry_brush")
    strokes = [painted(settings, seed, points=ARCH)[..., 3] for seed in (0, 0, 1, 2, 63)]
    np.testing.assert_array_equal(strokes[0], strokes[1])
    for first in range(1, 5):
        for second in range(first + 1, 5):
            apart = np.abs(strokes[first] - strokes[second]).mean()
            assert apart > 0.1 * strokes[first].mean()


def test_without_a_seed_randomness_goes_on() -> None:
    _, settings = find_brush("classic/dry_brush")
    with MyPaintCanvas(SIZE, SIZE) as canvas, MyPaintBrush(settings) as brush:
        found = []
        for _ in range(2):
            alpha = np.zeros((SIZE, SIZE), np.uint16)
            canvas.take_alpha(brush.stroke(canvas, ARCH, (1, 1), 4.0), alpha)
            found.append(alpha)
    assert (found[0] != found[1]).mean() > 0.05


def test_pressure_grows_along_the_stroke() -> None:
    _, settings = find_brush("classic/pencil")
    alpha = painted(settings, pressure=(0.1, 1.0))[..., 3]
    assert alpha[:, 40:].sum() > 3 * alpha[:, :24].sum()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (40, 100), (130, 65)])
def test_a_stroke_is_taken_whole_and_leaves_a_blank_canvas(height: int, width: int) -> None:
    points = np.array([[0.1, 0.2], [0.5, 0.9], [1.2, 0.5]]) * [width, height]  # and beyond
    with MyPaintCanvas(height, width) as canvas, MyPaintBrush(plain()) as brush:
        assert not canvas.pixels().any()
        box = brush.stroke(canvas, points, (1, 1), 5.0)
        whole = canvas.pixels()
        assert whole.shape == (height, width, 4)
        alpha = np.zeros((height, width), np.uint16)
        canvas.take_alpha(box, alpha)
        np.testing.assert_array_equal(alpha, whole[..., 3])
        assert alpha.max() > 0.99 * FULL
        assert not canvas.pixels().any()
        canvas.clear(Rectangle(-5, -5, 0, 0))  # nothing


def test_strokes_on_a_canvas_are_their_alphas_one_over_the_other() -> None:
    _, settings = find_brush("classic/dry_brush")
    strokes = [(ARCH, (1.0, 0.0, 0.0), 5), (ACROSS, (0.0, 0.0, 1.0), 9)]
    with MyPaintCanvas(SIZE, SIZE) as canvas, MyPaintBrush(settings) as brush:
        for points, color, seed in strokes:
            brush.stroke(canvas, points, (0.8, 0.8), 4.0, color, seed)
        together = canvas.rgba()
    apart = np.zeros((SIZE, SIZE, 3))
    for points, color, seed in strokes:
        with MyPaintCanvas(SIZE, SIZE) as canvas, MyPaintBrush(settings) as brush:
            brush.stroke(canvas, points, (0.8, 0.8), 4.0, color, seed)
            alpha = canvas.rgba()[..., 3:]
        apart = apart * (1 - alpha) + alpha * np.array(color)
    assert np.abs(together[..., :3] - apart).max() < 0.01


def test_memory_stays_where_it_is_over_10_000_strokes() -> None:
    def paint(count: int) -> int:
        for number in range(count // 10):
            with MyPaintCanvas(SIZE, SIZE) as canvas, MyPaintBrush(plain()) as brush:
                alpha = np.zeros((SIZE, SIZE), np.uint16)
                for seed in (number % 5, *[None] * 9):
                    canvas.take_alpha(brush.stroke(canvas, ACROSS, (1, 1), 1.5, seed=seed), alpha)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = paint(1000)
    assert paint(10_000) - before < 2000  # kB: a canvas of each tenth stroke would be 32 MB


def test_a_size_of_nothing_is_drawn() -> None:
    with MyPaintCanvas(SIZE, SIZE) as canvas, MyPaintBrush(plain()) as brush:
        brush.stroke(canvas, ACROSS, (1, 1), -1.0)
        assert math.isfinite(float(canvas.rgba().sum()))
