"""Penalties on a discriminator's slope."""

import pytest
import torch
from torch import Tensor, nn

from impasto.networks import Discriminator
from impasto.rl.rewards import gradient_penalty, perturbed_gradient_penalty
from tests.impasto.rl.rewards.stubs import SIZE, B, Brightness, pictures, plain


def linear(condition_slope: float, canvas_slope: float) -> tuple[nn.Module, float]:
    """A discriminator whose gradient is the same everywhere, and the norm of that."""

    class Linear(nn.Module):
        def forward(self, target: Tensor, canvas: Tensor) -> Tensor:
            return (condition_slope * target + canvas_slope * canvas).flatten(1).sum(1)

    return Linear(), (3 * SIZE * SIZE * (condition_slope**2 + canvas_slope**2)) ** 0.5


def test_no_penalty_for_a_gradient_of_one() -> None:
    unit = (3 * SIZE * SIZE) ** -0.5
    for slopes in ((0.0, unit), (unit, 0.0), (0.6 * unit, 0.8 * unit)):
        network, norm = linear(*slopes)
        assert norm == pytest.approx(1)
        assert gradient_penalty(network, pictures(0), pictures(1)).item() < 1e-10


def test_penalty_is_the_squared_distance_from_one() -> None:
    network, norm = linear(0.0, 0.1)
    found = gradient_penalty(network, pictures(0), pictures(1))
    assert found.item() == pytest.approx((norm - 1) ** 2, rel=1e-4)


def test_one_factor_per_sample_between_target_and_canvas() -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    def spy(target: Tensor, canvas: Tensor) -> Tensor:
        seen.append((target.detach(), canvas.detach()))
        return (target + canvas).flatten(1).sum(1)

    target, canvas = torch.ones(B, 3, 2, 2), torch.zeros(B, 3, 2, 2)
    generator = torch.Generator().manual_seed(0)
    state = torch.get_rng_state()
    gradient_penalty(spy, target, canvas, generator)
    assert torch.equal(torch.get_rng_state(), state)  # the factors are the generator's
    condition, between = seen[0]
    assert torch.equal(condition, target)  # the pair's picture stays
    factors = between.flatten(1)
    assert (factors == factors[:, :1]).all()  # one for all pixels
    assert factors[:, 0].unique().numel() == B  # another for each sample
    gradient_penalty(spy, target, canvas, torch.Generator().manual_seed(0))
    assert torch.equal(seen[1][1], between)


def test_penalty_can_be_differentiated() -> None:
    network = Discriminator([4, 8])
    gradient_penalty(network, pictures(0), pictures(1)).backward()
    weights = [p.grad for name, p in network.named_parameters() if "weight" in name]
    assert all(grad is not None and grad.abs().max() > 0 for grad in weights)


# ---- around the targets


def test_the_perturbed_penalty_is_around_the_targets() -> None:
    """At I + factor * noise * std(I) * N(0, 1), one factor per sample, from the generator."""
    seen: list[tuple[Tensor, Tensor]] = []

    def spy(target: Tensor, canvas: Tensor) -> Tensor:
        seen.append((target.detach(), canvas.detach()))
        return (target + canvas).flatten(1).sum(1)

    target = pictures(0)
    state = torch.get_rng_state()
    perturbed_gradient_penalty(spy, target, 0.5, torch.Generator().manual_seed(3))
    assert torch.equal(torch.get_rng_state(), state)
    generator = torch.Generator().manual_seed(3)
    factor = torch.rand(B, 1, 1, 1, generator=generator)
    noise = torch.randn(target.shape, generator=generator)
    condition, picture = seen[0]
    assert torch.equal(condition, target)  # the pair's picture stays
    torch.testing.assert_close(picture, target + factor * 0.5 * target.std() * noise)
    perturbed_gradient_penalty(spy, target, 0.0, generator)
    assert torch.equal(seen[1][1], target)


def test_the_perturbed_penalty_by_hand() -> None:
    found = perturbed_gradient_penalty(Brightness(), plain(1, 0.25), 0.5)
    assert found.item() == pytest.approx((2 / 12**0.5 - 1) ** 2)
