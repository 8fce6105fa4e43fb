"""Measuring a painter: what is measured, and what time and memory are counted."""

import time

import numpy as np
import torch
from torch import Tensor

from impasto.io.images import resize_image
from impasto.painters import Painter, Progress
from impasto.rendering import draw_picture
from impasto.strokes import Circle
from impasto.trial import measure


class Disc(Painter):
    """One white disc in the middle, of half the shorter side's radius."""

    stroke = Circle()
    strokes = 1
    background = (0.2, 0.4, 0.8)
    steps = 1

    def canvas(self, height: int, width: int) -> tuple[int, int]:
        return 16, 32

    def paint(
        self,
        target: Tensor,
        progress: Progress | None = None,
        start: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        assert target.shape == (3, 16, 32)
        block = np.ones(64_000_000, np.uint8)
        time.sleep(0.2)
        del block
        return torch.tensor([[0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0]])


def test_a_trial_measures_the_delivered_picture_at_the_size_asked_for() -> None:
    image = np.random.default_rng(0).integers(0, 256, (30, 60, 3), dtype=np.uint8)
    near = measure(Disc(), image).painting.nearness
    strokes = Disc().paint(torch.zeros(3, 16, 32))
    assert np.array_equal(near.canvas, draw_picture(Circle(), strokes, 30, 60, Disc.background))
    assert np.array_equal(near.target, image)
    small = measure(Disc(), image, 24)
    assert small.work_size == 32
    near = small.painting.nearness
    assert near.canvas.shape == (12, 24, 3)
    assert np.array_equal(near.target, resize_image(image, 12, 24))
    assert near.canvas[6, 12].tolist() == [255, 255, 255]
    assert near.canvas[0, 0].tolist() == [51, 102, 204]


def test_time_and_memory_are_of_painting() -> None:
    image = np.zeros((16, 32, 3), np.uint8)
    trial = measure(Disc(), image)
    assert 0.2 <= trial.seconds < 2
    assert 0 <= trial.cpu_seconds < trial.seconds
    assert trial.peak_memory_mb > 64
