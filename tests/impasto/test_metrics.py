"""Figures of known pictures, in bounded memory."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchmetrics.functional.image import structural_similarity_index_measure

from impasto.metrics import Nearness
from impasto.runtime.memory import MemoryPeak


def flat(level: int) -> NDArray[np.uint8]:
    return np.full((16, 16, 3), level, np.uint8)


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_figures_of_a_known_canvas() -> None:
    target = flat(51)
    canvas = target.copy()
    canvas[:8, :, 0] = 204  # a sixth of the values is off by 0.6
    near = Nearness(canvas, target)
    assert near.l2 == pytest.approx(0.36 / 6)
    assert near.psnr == pytest.approx(12.2184875)  # 10 log10 (50 / 3)
    even = Nearness(flat(102), target)
    assert even.psnr == pytest.approx(13.9794001)  # 10 log10 25
    # Two flat pictures: only the luminances differ, (2 a b + C1) / (a² + b² + C1), C1 = 0.01².
    assert even.ssim == pytest.approx((0.16 + 1e-4) / (0.2 + 1e-4), rel=1e-4)


def test_a_perfect_canvas_has_100_db() -> None:
    near = Nearness(noise(16, 16), noise(16, 16))
    assert (near.l2, near.psnr, near.ssim) == (0, 100, pytest.approx(1))


@pytest.mark.parametrize("size", [(6, 6), (30, 47), (300, 251)])
def test_ssim_is_that_of_torchmetrics(size: tuple[int, int]) -> None:
    """Also over more than one band, and where the window reaches over every edge."""
    target = noise(*size)
    canvas = np.where(noise(*size, seed=1) < 60, noise(*size, seed=2), target)
    pair = (torch.from_numpy(one / 255).permute(2, 0, 1)[None] for one in (canvas, target))
    expected = structural_similarity_index_measure(*pair, data_range=1.0)
    assert Nearness(canvas, target).ssim == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2)])
def test_pictures_smaller_than_the_window_have_figures(size: tuple[int, int]) -> None:
    assert Nearness(noise(*size), noise(*size)).ssim == pytest.approx(1)
    assert -1 <= Nearness(noise(*size), noise(*size, seed=1)).ssim < 1


def test_memory_is_that_of_a_band() -> None:
    canvas, target = np.zeros((2, 2000, 2000, 3), np.uint8)
    with MemoryPeak(0.01) as memory:
        before = memory.megabytes
        near = Nearness(canvas, target)
        assert (near.l2, near.ssim) == (0, pytest.approx(1))
        assert memory.megabytes - before < 60  # six GB at once
