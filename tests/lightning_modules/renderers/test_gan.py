"""A renderer learned against a critic: its losses by hand, its phases, and its resume."""

import itertools
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from impasto.networks import StrokeCritic
from impasto.renderers import GanRenderer
from impasto.strokes import Circle
from lightning_modules import GanRendererModule
from tests.lightning_modules.conftest import SIZE, AfterUpdate, run

COUNT = 8


def make_module(**arguments: Any) -> GanRendererModule:
    torch.manual_seed(0)
    settings: dict[str, Any] = {
        "updates": 6,
        "batch_size": COUNT,
        "judged_strokes": 16,
        "critic_updates": 2,
        "critic": partial(StrokeCritic, channels=2),
        "optimizer": partial(torch.optim.Adam, lr=1e-2, betas=(0.5, 0.9)),
    }
    return GanRendererModule(GanRenderer(Circle(), SIZE, [8], 2), **settings | arguments)


class Weighted(nn.Module):
    """A critic whose score is a sum over pixels, weighted by the stroke's first number."""

    def __init__(self, shape_dim: int, canvas_size: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.25))

    def forward(self, shape: Tensor, alpha: Tensor) -> Tensor:
        return self.scale * shape[:, 0] * alpha.sum((1, 2, 3))


def test_a_divergence_is_blamed_on_the_rates_that_there_are() -> None:
    own = partial(torch.optim.Adam, lr=1e-3)
    critics = "`GanRendererModule.critic_optimizer.lr`"
    assert make_module().rate_keys == ["`RendererModule.optimizer.lr`"]
    assert make_module(critic_optimizer=own).rate_keys == ["`RendererModule.optimizer.lr`", critics]


def test_the_critics_loss_by_hand() -> None:
    """Of a linear critic the slope is its weights, wherever between the pictures it is taken."""
    module = make_module(critic=Weighted, gradient_penalty=3.0)
    shape, exact = module.pairs_of(0)
    drawn = torch.rand(COUNT, 1, SIZE, SIZE)
    generator = torch.Generator().manual_seed(0)
    loss, figures = module.critic_loss(shape, exact, drawn, generator)
    weight = 0.25 * shape[:, 0]
    distance = (weight * (exact - drawn).sum((1, 2, 3))).mean()
    penalty = (weight * SIZE - 1).square().mean()  # the norm of SIZE * SIZE equal weights
    assert figures["wasserstein"].item() == pytest.approx(distance.item(), rel=1e-4)
    assert figures["gradient_penalty"].item() == pytest.approx(penalty.item(), rel=1e-4)
    assert loss.item() == pytest.approx((3 * penalty - distance).item(), rel=1e-4)
    loss.backward()
    assert all(parameter.grad is None for parameter in module.renderer.parameters())


def test_there_is_one_factor_per_stroke() -> None:
    module = make_module()
    seen: list[Tensor] = []
    module.critic.register_forward_hook(lambda m, inputs, out: seen.append(inputs[1].detach()))
    shape, _ = module.pairs_of(0)
    zeros, ones = torch.zeros(COUNT, 1, SIZE, SIZE), torch.ones(COUNT, 1, SIZE, SIZE)
    module.critic_loss(shape, ones, zeros, torch.Generator().manual_seed(0))
    between = seen[0][2 * COUNT :]  # at 1 is the program's stroke
    assert torch.equal(seen[0][: 2 * COUNT], torch.cat([ones, zeros]))
    assert torch.equal(between, between[:, :, :1, :1].expand_as(between))
    factors = between[:, 0, 0, 0]
    assert factors.unique().numel() == COUNT
    assert 0 <= factors.min() < factors.max() <= 1


@pytest.mark.parametrize("pixel_weight", [0.0, 5.0])
def test_one_update_by_hand(tmp_path: Path, pixel_weight: float) -> None:
    """Two steps of the critic, then one of the renderer against the critic of after them."""
    sgd = partial(torch.optim.SGD, lr=0.1)
    settings: dict[str, Any] = {"updates": 1, "optimizer": sgd, "pixel_weight": pixel_weight}
    module, twin = make_module(**settings), make_module(**settings)
    run(module, tmp_path)
    ours, theirs = sgd(twin.renderer.parameters()), sgd(twin.critic.parameters())
    for draw in (0, 1):
        shape, exact = twin.pairs_of(draw)
        with torch.no_grad():
            drawn = twin.renderer(shape)
        loss, _ = twin.critic_loss(shape, exact, drawn, twin._numbers_of(draw))
        theirs.zero_grad()
        loss.backward()
        theirs.step()
    shape, exact = twin.pairs_of(2)
    drawn = twin.renderer(shape)
    error = (drawn - exact).square().mean()
    (pixel_weight * error - twin.critic(shape, drawn).mean()).backward()
    ours.step()
    for name, found in module.state_dict().items():
        torch.testing.assert_close(found, twin.state_dict()[name], msg=name)


def test_pixels_then_the_critic_alone_then_both(tmp_path: Path) -> None:
    module = make_module(pixel_updates=2, critic_alone=1, updates=5)
    names: list[set[str]] = []
    states: list[dict[str, Tensor]] = [
        {key: value.clone() for key, value in module.state_dict().items()}
    ]

    def look(number: int, figures: dict[str, Tensor]) -> None:
        names.append(set(figures))
        states.append({key: value.clone() for key, value in module.state_dict().items()})

    run(module, tmp_path, callbacks=[AfterUpdate(look)])
    critic = {"critic_loss", "wasserstein", "gradient_penalty"}
    both = critic | {"generator_loss"}
    assert names == [{"renderer_loss"}, {"renderer_loss"}, critic, both, both]
    moved = [
        {key.partition(".")[0] for key in after if not torch.equal(after[key], before[key])}
        for before, after in itertools.pairwise(states)
    ]
    assert moved == [
        {"renderer"},
        {"renderer"},
        {"critic"},
        {"renderer", "critic"},
        {"renderer", "critic"},
    ]


@pytest.mark.parametrize("stop", [1, 3, 4])
def test_a_resumed_run_ends_as_one_that_was_not_stopped(tmp_path: Path, stop: int) -> None:
    arguments: dict[str, Any] = {"pixel_updates": 2, "critic_alone": 1}
    whole = run(make_module(updates=6, **arguments), tmp_path / "whole")
    part = run(make_module(updates=stop, **arguments), tmp_path / "part")
    last = run(make_module(updates=6, **arguments), tmp_path / "on", None, part)
    ours, theirs = (torch.load(path, weights_only=True) for path in (last, whole))
    for key, value in theirs["state_dict"].items():
        assert torch.equal(ours["state_dict"][key], value), key
    for one, other in zip(ours["optimizer_states"], theirs["optimizer_states"], strict=True):
        for number, state in other["state"].items():
            for key, value in state.items():
                assert torch.equal(one["state"][number][key], value), (number, key)


def test_no_two_steps_see_the_same_strokes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    real = GanRendererModule.strokes_of

    def spy(self: GanRendererModule, draw: int) -> Tensor:
        drawn.append(draw)
        return real(self, draw)

    monkeypatch.setattr(GanRendererModule, "strokes_of", spy)
    run(make_module(pixel_updates=2, updates=4), tmp_path)
    assert drawn == [0, 1, 6, 7, 8, 9, 10, 11]
