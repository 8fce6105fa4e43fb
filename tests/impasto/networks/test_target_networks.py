"""Frozen copies of networks, and target networks."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from impasto.networks import (
    Actor,
    Critic,
    Discriminator,
    frozen_copy,
    polyak_update,
)
from tests.impasto.small_networks import SMALL, observation, stir


@pytest.mark.parametrize(
    "make",
    [
        lambda: Actor(9, 4, **SMALL),
        lambda: Actor(9, 4, **SMALL, hidden=8, residual=1.0),
        lambda: Critic(9, **SMALL),
        lambda: Discriminator([4]),
    ],
)
def test_a_frozen_copy_shares_nothing(make: Callable[[], nn.Module]) -> None:
    network = make().train()
    copy = frozen_copy(network)
    ours = {t.untyped_storage().data_ptr() for t in (*network.parameters(), *network.buffers())}
    theirs = {t.untyped_storage().data_ptr() for t in (*copy.parameters(), *copy.buffers())}
    assert not ours & theirs
    assert not any(p.requires_grad for p in copy.parameters())
    assert all(p.requires_grad for p in network.parameters())
    assert not copy.training
    assert network.training
    before = {key: value.clone() for key, value in copy.state_dict().items()}
    stir(network)
    for key, value in copy.state_dict().items():
        assert torch.equal(value, before[key])


@pytest.mark.parametrize("tau", [0.0, 0.25, 1.0])
def test_polyak_update_is_exact(tau: float) -> None:
    network = Actor(9, 4, **SMALL)
    copy = frozen_copy(network)
    stir(network)
    network(observation(16, 16))  # moves the batch statistics and their counts
    slow = {key: value.clone() for key, value in copy.state_dict().items()}
    fast = {key: value.clone() for key, value in network.state_dict().items()}
    polyak_update(copy, network, tau)
    assert any("running_mean" in key for key in fast)
    for key, value in copy.state_dict().items():
        if value.is_floating_point():
            expected = slow[key].double() + tau * (fast[key].double() - slow[key].double())
            torch.testing.assert_close(value, expected.float(), rtol=1e-6, atol=1e-7)
            assert not torch.equal(fast[key], slow[key])
            if tau in (0, 1):
                assert torch.equal(value, (slow, fast)[int(tau)][key])
        else:
            assert torch.equal(value, fast[key])  # a count
        assert torch.equal(network.state_dict()[key], fast[key])  # the source stays


def test_polyak_updates_add_up() -> None:
    source, target = nn.Linear(1, 1), nn.Linear(1, 1)
    with torch.no_grad():
        for network, value in ((source, 1.0), (target, 0.0)):
            network.weight.fill_(value)
            network.bias.fill_(value)
    for _ in range(10):
        polyak_update(target, source, 0.1)
    assert target.weight.item() == pytest.approx(1 - 0.9**10)
    assert target.weight.grad_fn is None
