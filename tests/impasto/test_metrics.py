"""Measuring a painter: exact figures of a known canvas, and which canvas is measured."""

import time

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.metrics import Nearness, measure, target_of
from impasto.painters import Painter, Progress
from impasto.rendering import draw
from impasto.strokes import Circle


class Disc(Painter):
    """One white disc in the middle, of half the shorter side's radius."""

    stroke = Circle()
    strokes = 1
    background = (0.25, 0.5, 0.75)
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


def test_figures_of_a_known_canvas() -> None:
    target = torch.full((3, 16, 16), 0.5)
    canvas = target.clone()
    canvas[0, :8] = 1.0  # a sixth of the values is off by a half
    near = Nearness(canvas, target)
    assert near.l2 == pytest.approx(0.25 / 6)
    assert near.psnr == pytest.approx(13.8021124)  # 10 log10 24
    flat = Nearness(torch.full((3, 16, 16), 0.25), target)
    assert flat.psnr == pytest.approx(12.0411998)  # 10 log10 16
    # Two flat pictures: only the luminances differ, (2 a b + C1) / (a² + b² + C1), C1 = 0.01².
    assert flat.ssim == pytest.approx((0.25 + 1e-4) / (0.3125 + 1e-4), rel=1e-4)


def test_a_perfect_canvas_has_100_db() -> None:
    picture = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    near = Nearness(picture, picture)
    assert (near.l2, near.psnr, near.ssim) == (0, 100, pytest.approx(1))


def test_a_trial_measures_the_exact_canvas_at_the_size_asked_for() -> None:
    image = np.random.default_rng(0).integers(0, 256, (30, 60, 3), dtype=np.uint8)
    trial = measure(Disc(), image)
    canvas = draw(Circle(), trial.strokes[None], 16, 32, Disc.background)[0]
    assert trial.work_size == 32
    assert torch.allclose(trial.nearness.canvas, canvas, atol=1e-6)
    assert torch.equal(trial.nearness.target, target_of(image, (16, 32)))
    large = measure(Disc(), image, (24, 48))
    assert large.work_size == 32
    assert large.nearness.canvas.shape == large.nearness.target.shape == (3, 24, 48)
    assert torch.equal(large.nearness.target, target_of(image, (24, 48)))
    assert large.nearness.canvas[:, 12, 24].tolist() == [1, 1, 1]
    assert large.nearness.canvas[:, 0, 0].tolist() == [0.25, 0.5, 0.75]


def test_time_and_memory_are_of_painting() -> None:
    image = np.zeros((16, 32, 3), np.uint8)
    trial = measure(Disc(), image)
    assert 0.2 <= trial.seconds < 2
    assert 0 <= trial.cpu_seconds < trial.seconds
    assert trial.peak_memory_mb > 64
