"""How alike pictures are, against the libraries' own figures."""

import pytest
import torch
from torch import Tensor
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from painting.similarity import peak_ratio, structural_similarity


def pictures(height: int, width: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, 3, height, width, generator=generator, dtype=dtype)


@pytest.mark.parametrize("size", [(24, 24), (16, 40), (6, 11)])
@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_figures_are_those_of_torchmetrics(size: tuple[int, int], share: float) -> None:
    target = pictures(*size, 0)
    canvas = (1 - share) * target + share * pictures(*size, 1)
    canvas[0] = 0  # a blank one, and one that is the target
    canvas[1] = target[1]
    ssim = structural_similarity_index_measure(canvas, target, data_range=1.0, reduction="none")
    psnr = peak_signal_noise_ratio(
        canvas, target, data_range=1.0, reduction="none", dim=(1, 2, 3)
    ).clamp_max(100)
    torch.testing.assert_close(structural_similarity(canvas, target), ssim, rtol=0, atol=2e-6)
    torch.testing.assert_close(peak_ratio(canvas, target), psnr)
    assert structural_similarity(canvas, target)[1] == pytest.approx(1)
    assert peak_ratio(canvas, target)[1] == 100


def test_pictures_of_a_batch_do_not_mix() -> None:
    target, canvas = pictures(16, 20, 2, torch.float64), pictures(16, 20, 3, torch.float64)
    alone = [
        structural_similarity(one[None], other[None])
        for one, other in zip(canvas, target, strict=True)
    ]
    torch.testing.assert_close(structural_similarity(canvas, target), torch.cat(alone))
    assert structural_similarity(canvas, target).dtype == torch.float64
    assert structural_similarity(target, canvas)[0] == pytest.approx(float(alone[0]))
