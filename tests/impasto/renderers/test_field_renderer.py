"""The renderer that learns from few strokes."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.persistence.description import build, describe
from impasto.renderers import (
    FieldRenderer,
    NeuralRenderer,
    Renderer,
    Verdict,
    judge,
    load_renderer,
    save_renderer,
)
from impasto.strokes import Bezier, Circle, Stroke
from tests.impasto.strokes.kinds import KINDS

GOOD = Verdict(mse=0.001, mean_image=0.05)


def small(stroke: Stroke | None = None, size: int = 16) -> FieldRenderer:
    torch.manual_seed(0)
    return FieldRenderer(stroke or Circle(), size, fields=4, opacities=3, hidden=16, channels=8)


def shapes(stroke: Stroke, count: int = 6) -> Tensor:
    return stroke.sample(count, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [16, 48])
@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_any_kind_and_size(stroke: Stroke, size: int) -> None:
    shape = shapes(stroke).requires_grad_()
    alpha = small(stroke, size)(shape)
    assert alpha.shape == (6, 1, size, size)
    assert 0 <= alpha.min() <= alpha.max() <= 1
    assert alpha.mean() < 0.1  # starts next to blank
    alpha.square().sum().backward()
    assert (shape.grad.abs().amax(1) > 0).all()


@pytest.mark.parametrize("name", ["fields", "opacities", "hidden", "channels"])
def test_a_network_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"^`{name}` is 0 — give a whole number, (at least|from) 1"):
        FieldRenderer(Circle(), 16, **{name: 0})


def test_the_gradient_in_the_shape_is_exact() -> None:
    renderer = small().double()
    shape = shapes(Circle(), 2).double().requires_grad_()
    assert torch.autograd.gradcheck(renderer, shape)


def test_a_field_is_one_plus_reach_minus_a_distance() -> None:
    """Column 16 r + c of 16 px is the pixel of row r, column c, centred at (2 c + 1) / 16 - 1."""
    renderer = small()
    with torch.no_grad():
        renderer.frames.bias.copy_(torch.tensor([0.1, 1, 0, 0.2, 0, 2] * 4))
        renderer.reaches.bias.copy_(torch.tensor([0.5, 0, 0, 0]))
        field = renderer._fields(torch.zeros(1, 16))
    assert field.shape == (1, 4, 16, 16)
    x, y = 2 * 2.5 / 16 - 1, 2 * 13.5 / 16 - 1
    distance = 3 * math.hypot(0.1 + x, 0.2 + 2 * y)
    torch.testing.assert_close(field[0, :2, 13, 2], torch.tensor([2.5, 1.0]) - distance)


def test_no_weight_depends_on_the_canvas_size() -> None:
    """The fields lie over the canvas: at twice the size the same is drawn in more pixels."""
    renderer, larger = small(size=32), small(size=64)
    larger.load_state_dict(renderer.state_dict())
    features = torch.rand(2, 16, generator=torch.Generator().manual_seed(1))
    fields, finer = renderer._fields(features), larger._fields(features)
    pooled = torch.nn.functional.avg_pool2d(finer, 2)
    torch.testing.assert_close(pooled, fields, atol=0.05, rtol=0)  # less at a point


def test_it_is_built_again_from_its_config(tmp_path: Path) -> None:
    renderer = small(Bezier(), 32)
    assert {k: v for k, v in renderer.config().items() if k != "stroke"} == {
        "canvas_size": 32,
        "fields": 4,
        "opacities": 3,
        "hidden": 16,
        "channels": 8,
    }
    again = build(describe(renderer))
    assert isinstance(again, FieldRenderer)
    assert {k: v.shape for k, v in again.state_dict().items()} == {
        k: v.shape for k, v in renderer.state_dict().items()
    }
    save_renderer(tmp_path / "renderer", renderer, GOOD)
    loaded = load_renderer(tmp_path, Bezier(), 32)
    shape = shapes(Bezier())
    assert torch.equal(loaded(shape), renderer(shape))
    assert not any(p.requires_grad for p in loaded.parameters())


def trained(renderer: Renderer, updates: int) -> float:
    """Share of the mean image's error after so many updates of 64 strokes at rate 1e-3."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(renderer.parameters(), 1e-3)
    for _ in range(updates):
        shape = renderer.stroke.sample(64, generator)
        exact = renderer.stroke.rasterize(shape, 16, 16)
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(renderer(shape), exact).backward()
        optimizer.step()
    return judge(renderer, 256).ratio


def test_a_few_dozen_updates_are_worth_many_of_the_papers() -> None:
    ratios = {}
    for kind in (FieldRenderer, NeuralRenderer):
        torch.manual_seed(0)
        ratios[kind] = trained(kind(Circle(), 16), 60)
    assert ratios[FieldRenderer] < 0.5 * ratios[NeuralRenderer]
