"""Measuring: one canvas at a time, and against brute force."""

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor, nn

from datamodules.base import ImageDataModule
from datamodules.items import Items
from datamodules.splits import TEST, TRAIN, VAL
from impasto.canvas import to_float
from impasto.painters import AgentPainter
from impasto.renderers import AnalyticRenderer
from impasto.rendering import draw
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.policy import PaintingPolicy
from impasto.runtime.memory import MemoryPeak
from impasto.strokes import Circle
from impasto.tasks.evaluate import agent as module
from impasto.tasks.evaluate.agent import Curve, Means, evaluate

B, SIZE = 3, 24
LARGE = 64  # pixels, of which 2,000 pictures take 98 MB as floats, and a batch of 50 takes 2.5


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
            a,
            b,
            channel_axis=0,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for a, b in pairs
    ]
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


class Plain(ImageDataModule):
    """So many pictures to be tested on, ten of each digit to be read by; each of one colour."""

    name, layout, flips = "plain", "nothing, they are drawn", False

    def __init__(self, tested: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.parts = np.array([TRAIN] * 100 + [VAL] * 2 + [TEST] * tested, np.int8)

    def fingerprint(self) -> dict[str, object]:
        return {"tested": len(self.parts)}

    def items(self) -> Items:
        labels = np.arange(len(self.parts)) % 10

        def read(number: int) -> np.ndarray:
            return np.full((8, 8, 3), 25 * (number % 10), np.uint8)

        names = [str(label) for label in labels]
        classes = [str(digit) for digit in range(10)]
        return Items(names, read, self.parts, labels, classes)


class Same(nn.Module):
    """An actor that paints a circle."""

    def forward(self, observation: Tensor) -> Tensor:
        return torch.full((len(observation), Circle().dim), 0.5)


def test_2000_pictures_take_no_more_memory_than_200(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def quick(canvas: Tensor, target: Tensor, **_: object) -> Tensor:  # in place of a minute
        return (canvas - target).flatten(1).mean(1)

    monkeypatch.setattr(module, "structural_similarity_index_measure", quick)
    policy = PaintingPolicy(Same(), PaintingEnvironment(AnalyticRenderer(Circle(), LARGE), 1, 1))
    peaks = []
    for tested in (200, 200, 2000):  # the first one fills the allocator
        cache = str(tmp_path / str(tested))
        data = Plain(tested, canvas_size=LARGE, batch_size=8, eval_batch_size=50, cache=cache)
        data.prepare_data()
        with MemoryPeak(0.01) as peak:
            metrics = evaluate(policy, data, tmp_path)
        peaks.append(peak.megabytes)
        assert (metrics["images"], metrics["readable"]) == (tested, 0.1)
    assert peaks[2] - peaks[1] < 60  # all pictures as floats are 98, and as bytes 25 more


def test_means_are_those_of_all_rows_together() -> None:
    """Also where the spread is a millionth of the mean."""
    rows = 1e6 + torch.rand(1000, 3, generator=torch.Generator().manual_seed(0)).double()
    means = Means()
    for part in rows.split([1, 399, 600]):
        means.add(part)
    assert means.count == 1000
    torch.testing.assert_close(means.mean, rows.mean(0), rtol=1e-14, atol=0)
    torch.testing.assert_close(means.std, rows.std(0, correction=0), rtol=1e-9, atol=0)


def test_more_strokes_than_an_episode_has_are_those_of_the_painter(tmp_path: Path) -> None:
    """And on the whole picture, where it is larger than the agent's canvas."""
    policy = PaintingPolicy(Same(), PaintingEnvironment(AnalyticRenderer(Circle(), 16), 1, 1))
    data = Plain(3, canvas_size=32, batch_size=8, cache=str(tmp_path / "cache"))
    data.prepare_data()
    metrics = evaluate(policy, data, tmp_path, strokes=4)
    data.setup("test")
    target = to_float(next(iter(data.test_dataloader()))["target"])
    strokes = torch.stack([AgentPainter(policy, 4).paint(picture) for picture in target])
    painted = draw(policy.stroke, strokes, 32, 32, policy.environment.background)
    assert metrics["l2"] == pytest.approx((painted - target).square().mean().item(), rel=1e-5)
    assert metrics["strokes"] == 4
