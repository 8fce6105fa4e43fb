"""A renderer learned as a variational autoencoder: both losses by hand, both stages, resume."""

import itertools
import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from impasto.networks import StrokeEncoder
from impasto.renderers import VaeRenderer
from impasto.strokes import Circle
from lightning_modules import VaeRendererModule
from tests.lightning_modules.conftest import SIZE, AfterUpdate, run

COUNT, LATENT = 8, 3


def make_module(**arguments: Any) -> VaeRendererModule:
    torch.manual_seed(0)
    settings: dict[str, Any] = {
        "updates": 6,
        "vae_updates": 3,
        "batch_size": COUNT,
        "judged_strokes": 16,
        "encoder": partial(StrokeEncoder, channels=2),
        "optimizer": partial(torch.optim.Adam, lr=1e-2),
    }
    return VaeRendererModule(VaeRenderer(Circle(), SIZE, LATENT, [8], 2), **settings | arguments)


class Known(nn.Module):
    """An encoder with a given mean and logarithm of the variance."""

    def __init__(self, canvas_size: int, latent: int, log_variance: float = math.log(0.25)) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.tensor([1.0, -2.0, 0.5]))
        self.log_variance = log_variance

    def forward(self, alpha: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.mean.expand(len(alpha), -1)
        return mean, torch.full_like(mean, self.log_variance)


def test_the_autoencoders_loss_by_hand() -> None:
    module = make_module(encoder=Known, kl_weight=0.5)
    for parameter in module.renderer.draw.parameters():
        nn.init.normal_(parameter, std=0.3)  # so that what is decoded depends on where it lies
    _, exact = module.pairs_of(0)
    loss, figures = module.vae_loss(exact, torch.Generator().manual_seed(4))
    mean = torch.tensor([1.0, -2.0, 0.5])
    noise = torch.randn(COUNT, LATENT, generator=torch.Generator().manual_seed(4))
    drawn = module.renderer.decode(mean + 0.5 * noise).sigmoid()
    surprise = -(exact * drawn.log() + (1 - exact) * (1 - drawn).log()).sum() / COUNT
    divergence = sum((m**2 + 0.25 - 1 - math.log(0.25)) / 2 for m in mean.tolist())
    assert figures["kl"].item() == pytest.approx(divergence, rel=1e-5)
    assert figures["pixel_error"].item() == pytest.approx(
        (drawn - exact).square().mean().item(), rel=1e-4
    )
    assert loss.item() == pytest.approx(surprise.item() + 0.5 * divergence, rel=1e-4)


def test_the_way_into_the_latent_space_learns_its_means() -> None:
    module = make_module(encoder=Known)
    shape, exact = module.pairs_of(0)
    loss = module.latent_loss(shape, exact)
    found = module.renderer.to_latent(2 * shape - 1)
    expected = (found - torch.tensor([1.0, -2.0, 0.5])).square().mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    loss.backward()
    assert all(part.grad is not None for part in module.renderer.to_latent.parameters())
    assert all(part.grad is None for part in module.renderer.draw.parameters())
    assert all(part.grad is None for part in module.encoder.parameters())


def test_each_stage_moves_its_own_part(tmp_path: Path) -> None:
    module = make_module(updates=4, vae_updates=2)
    states = [{key: value.clone() for key, value in module.state_dict().items()}]
    names: list[set[str]] = []

    def look(number: int, figures: dict[str, Tensor]) -> None:
        names.append(set(figures))
        states.append({key: value.clone() for key, value in module.state_dict().items()})

    run(module, tmp_path, callbacks=[AfterUpdate(look)])
    moved = [
        {".".join(key.split(".")[:2]) for key in after if not torch.equal(after[key], before[key])}
        for before, after in itertools.pairwise(states)
    ]
    coders, mapper = {"encoder.layers", "renderer.draw"}, {"renderer.to_latent"}
    assert moved == [coders, coders, mapper, mapper]
    assert names == 2 * [{"vae_loss", "pixel_error", "kl"}] + 2 * [{"latent_error"}]


def test_the_latent_point_is_drawn_anew_in_every_update() -> None:
    module = make_module()
    first, again, later = (torch.randn(4, generator=module._numbers_of(draw)) for draw in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


@pytest.mark.parametrize("stop", [2, 3, 5])
def test_a_resumed_run_ends_as_one_that_was_not_stopped(tmp_path: Path, stop: int) -> None:
    whole = run(make_module(), tmp_path / "whole")
    part = run(make_module(updates=stop), tmp_path / "part")
    last = run(make_module(), tmp_path / "on", None, part)
    ours, theirs = (torch.load(path, weights_only=True)["state_dict"] for path in (last, whole))
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        assert torch.equal(ours[key], value), key


def test_the_renderer_draws_what_is_decoded_of_where_its_stroke_is() -> None:
    renderer = make_module().renderer
    shape = renderer.stroke.sample(5)
    alpha = renderer(shape)
    assert alpha.shape == (5, 1, SIZE, SIZE)
    torch.testing.assert_close(alpha, renderer.decode(renderer.locate(shape)).sigmoid())
    assert renderer.locate(shape).shape == (5, LATENT)
