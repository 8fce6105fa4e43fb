"""What is said of a renderer: likeness of texture, and what random numbers excuse."""

import math
from dataclasses import astuple
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from impasto.renderers import AnalyticRenderer, NeuralRenderer, Renderer, Verdict, judge, verdict
from impasto.renderers.verdict import Spectrum, spectral_distance
from impasto.strokes import Circle, Stroke

SIZE = 16


def spectrum(alpha: Tensor) -> Spectrum:
    counted = Spectrum(alpha.shape[-1], alpha.device)
    for part in alpha.split(3):
        counted.add(part)
    return counted


def noise(seed: int, count: int = 64) -> Tensor:
    return torch.rand(count, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def test_texture_is_the_same_wherever_it_lies() -> None:
    alpha = noise(0)
    moved = alpha.roll((3, 5), (2, 3)).flip(0)
    assert spectral_distance(spectrum(moved), spectrum(alpha)) == pytest.approx(0, abs=1e-6)
    again = spectral_distance(spectrum(noise(1)), spectrum(alpha))
    smooth = F.avg_pool2d(F.pad(alpha, (1, 1, 1, 1), mode="circular"), 3, 1)
    assert again < 0.15
    assert spectral_distance(spectrum(smooth), spectrum(alpha)) > 10 * again
    assert spectral_distance(spectrum(alpha.mean(0, keepdim=True)), spectrum(alpha)) > 10 * again


def test_spectral_distance_by_hand() -> None:
    """Two waves: of one the amplitude is doubled, so its power is fourfold; others have none."""
    x = torch.arange(SIZE, dtype=torch.float64) * (2 * math.pi / SIZE)
    few, many = torch.cos(2 * x).expand(SIZE, SIZE), torch.cos(5 * x).expand(SIZE, SIZE)
    exact, drawn = spectrum((few + many)[None, None]), spectrum((few + 2 * many)[None, None])
    rings = exact.rings.double()
    assert rings.argsort(descending=True)[:2].sort().values.tolist() == [1, 4]  # 2 and 5 waves
    assert rings[1] == pytest.approx(2 * (SIZE * SIZE / 2) ** 2, rel=1e-5)
    assert spectral_distance(drawn, exact) == pytest.approx(math.log(4) / (SIZE / 2), rel=1e-3)
    assert spectral_distance(exact, drawn) == pytest.approx(math.log(4) / (SIZE / 2), rel=1e-3)


def test_waves_that_are_shorter_than_any_along_a_side_belong_to_no_ring() -> None:
    x = torch.arange(SIZE, dtype=torch.float64) * (2 * math.pi / SIZE)
    corner = torch.cos(7 * x)[:, None] * torch.cos(7 * x)[None, :]  # 9.9 waves, slanting
    assert spectrum(corner[None, None]).rings.max() < 1e-9


class Smudged(Renderer):
    """Exact strokes, smoothed."""

    def __init__(self, stroke: Stroke, canvas_size: int) -> None:
        super().__init__(stroke, canvas_size)
        self.exact = AnalyticRenderer(stroke, canvas_size)

    def forward(self, shape: Tensor) -> Tensor:
        return F.avg_pool2d(self.exact(shape), 5, 1, padding=2)


def test_a_verdict_tells_smudged_strokes() -> None:
    exact, smudged = judge(AnalyticRenderer(Circle(), 32), 300), judge(Smudged(Circle(), 32), 300)
    assert exact.ssim == pytest.approx(1)
    assert exact.spectral == 0
    assert smudged.ssim < 0.95
    assert smudged.spectral > 1
    assert judge(Smudged(Circle(), 32), 40).ssim == pytest.approx(smudged.ssim, abs=0.05)


def test_a_second_drawing_is_as_good_as_a_program_can_do() -> None:
    """Without noise a tenth of what there is to learn is the limit; noise is granted once more."""
    assert Verdict(mse=0.2 + 0.08, mean_image=0.9, noise=0.1).trained
    assert not Verdict(mse=0.2 + 0.081, mean_image=0.9, noise=0.1).trained
    assert Verdict(mse=0.2, mean_image=0.9, noise=0.1).trained
    assert not Verdict(mse=0.9, mean_image=0.9, noise=0.5).trained  # whatever the noise
    assert Verdict(mse=0.89, mean_image=0.9, noise=0.5).trained


@pytest.mark.parametrize(("mean_image", "noise"), [(0.0, 0.0), (-1e-18, 0.0), (0.1, 0.1)])
def test_where_there_is_nothing_to_learn_nothing_was_learned(
    mean_image: float, noise: float
) -> None:
    """A brush that leaves no paint, or a single stroke, which is its own mean image."""
    verdict = Verdict(mse=0.002, mean_image=mean_image, noise=noise)
    assert verdict.ratio == math.inf
    assert not verdict.trained


class NoDoubles(TorchDispatchMode):
    """Refuses float64 for more than the sums on the host, as MPS does."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        assert not (isinstance(out, Tensor) and out.dtype == torch.float64 and out.numel() > 4)
        return out


def test_a_verdict_needs_no_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    renderer = NeuralRenderer(Circle(), 16, [8], 4)
    expected = judge(renderer, 300)
    monkeypatch.setattr(verdict, "_widest", lambda device: torch.float32)
    with NoDoubles():
        found = judge(renderer, 300)
    assert astuple(found) == pytest.approx(astuple(expected), rel=1e-4)
    monkeypatch.undo()
    kinds = [verdict._widest(torch.device(kind)) for kind in ("mps", "cuda", "cpu")]
    assert kinds == [torch.float32, torch.float64, torch.float64]
