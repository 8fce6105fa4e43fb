"""Measuring: one canvas at a time, and against brute force."""

import weakref
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from tasks.evaluate import Curve

B, SIZE = 3, 24


def pictures(seed: int) -> Tensor:
    return torch.rand(B, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def test_curve_is_the_mean_of_each_pictures_own_figures() -> None:
    curve = Curve()
    targets, near = [pictures(0), pictures(1)[:1]], [pictures(2), pictures(3)[:1]]
    canvases = [0.8 * a + 0.2 * b for a, b in zip(targets, near, strict=True)]
    for target, canvas in zip(targets, canvases, strict=True):  # of three pictures and of one
        blank = torch.zeros_like(target)
        assert torch.equal(curve.add([blank, canvas], target), canvas)
    pairs = list(zip(torch.cat(targets).numpy(), torch.cat(canvases).numpy(), strict=True))
    l2 = [float(np.square(a - b).mean()) for a, b in pairs]
    psnr = [peak_signal_noise_ratio(a, b, data_range=1.0) for a, b in pairs]
    ssim = [
        structural_similarity(
            a, b, channel_axis=0, data_range=1.0, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False,
        )
        for a, b in pairs
    ]  # fmt: skip
    blank_row, row = curve.rows()
    assert (blank_row["stroke"], row["stroke"]) == (0, 1)
    assert row["l2_mean"] == pytest.approx(np.mean(l2), rel=1e-5)
    assert row["l2_std"] == pytest.approx(np.std(l2), rel=1e-4)
    assert row["psnr_mean"] == pytest.approx(np.mean(psnr), rel=1e-5)
    assert row["ssim_mean"] == pytest.approx(np.mean(ssim), abs=0.01)
    assert row["ssim_mean"] > 0.5
    assert blank_row["l2_mean"] == pytest.approx(torch.cat(targets).square().mean().item())


def test_a_perfect_painting_has_a_finite_psnr() -> None:
    curve = Curve()
    curve.add([pictures(0)], pictures(0))
    (row,) = curve.rows()
    assert (row["l2_mean"], row["psnr_mean"]) == (0, 100)
    assert row["ssim_mean"] == pytest.approx(1)


def test_canvases_are_not_kept() -> None:
    """All of a paper-size batch's would need 20 GB."""
    alive: list[weakref.ref[Tensor]] = []

    def draw() -> Iterator[Tensor]:
        for number in range(6):
            canvas = pictures(number)
            alive.append(weakref.ref(canvas))
            yield canvas
            del canvas
            assert sum(reference() is not None for reference in alive) <= 2

    Curve().add(draw(), pictures(0))
    assert len(alive) == 6
