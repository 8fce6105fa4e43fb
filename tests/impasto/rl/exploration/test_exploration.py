"""Exploration: the noise has the size and the correlation that it should have."""

import math

import pytest
import torch
from torch import Tensor, nn

from impasto.networks import Actor
from impasto.rl.exploration import ActionNoise, NoExploration, ParameterNoise, perturb

OBSERVATION = torch.rand(64, 9, 16, 16, generator=torch.Generator().manual_seed(0))


class Half(nn.Module):
    """An actor that always does 0.5."""

    def forward(self, observation: Tensor) -> Tensor:
        return torch.full((len(observation), 500), 0.5)


def small_actor(norm: str = "layer") -> Actor:
    torch.manual_seed(0)
    return Actor(9, 14, blocks=[1, 1], width=8, norm=norm).eval()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_no_exploration_is_the_actor() -> None:
    actor = small_actor()
    behave = NoExploration().begin(actor, generator())
    assert torch.equal(behave(OBSERVATION), actor(OBSERVATION))


@pytest.mark.parametrize("theta", [None, 0.15, 1.0])
def test_action_noise_has_its_deviation_and_correlation(theta: float | None) -> None:
    behave = ActionNoise(sigma=0.05, theta=theta).begin(Half(), generator())
    noise = torch.stack([behave(OBSERVATION) - 0.5 for _ in range(4)])  # (4, 64, 500)
    for step in noise:  # stationary from the first step on
        assert float(step.std()) == pytest.approx(0.05, rel=0.02)
        assert abs(float(step.mean())) < 1e-3
    correlation = 0.0 if theta is None else math.exp(-theta)
    for first, second in [(0, 1), (1, 2), (2, 3)]:
        pair = torch.corrcoef(torch.stack([noise[first].flatten(), noise[second].flatten()]))
        assert float(pair[0, 1]) == pytest.approx(correlation, abs=0.02)


def test_action_noise_starts_anew_and_stays_in_range() -> None:
    noise = ActionNoise(sigma=2.0, theta=0.01)
    source = generator()
    first = noise.begin(Half(), source)(OBSERVATION)
    second = noise.begin(Half(), source)(OBSERVATION)
    pair = torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))
    assert abs(float(pair[0, 1])) < 0.02
    assert 0 == first.min() < first.max() == 1


def test_action_noise_is_fixed_by_its_generator() -> None:
    first, second = (
        ActionNoise(0.1, 0.2).begin(Half(), generator(seed))(OBSERVATION) for seed in (1, 1)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, ActionNoise(0.1, 0.2).begin(Half(), generator(2))(OBSERVATION))


def test_perturb_adds_noise_of_sigma_but_to_no_normalization() -> None:
    actor = small_actor("batch")
    for module in actor.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.fill_(0.25)
    perturbed = small_actor("batch")
    perturb(perturbed, actor, 0.1, generator())
    before = dict(actor.named_parameters())
    changes = {key: value - before[key] for key, value in perturbed.named_parameters()}
    norms = {key for key, value in before.items() if value.ndim == 1 and "head" not in key}
    assert norms  # scales and shifts of the batch normalizations
    assert {key for key, change in changes.items() if not change.any()} == norms
    noise = torch.cat([change.flatten() for key, change in changes.items() if key not in norms])
    assert float(noise.std()) == pytest.approx(0.1, rel=0.05)
    assert perturbed.stem[0][1].running_mean.tolist() == [0.25] * 8


def test_parameter_noise_reaches_its_distance() -> None:
    """From far below and far above, adapted rollout by rollout."""
    for sigma in (1e-4, 3.0):
        noise = ParameterNoise(distance=0.05, sigma=sigma, factor=1.2)
        actor, source = small_actor(), generator()
        distances = []
        for _ in range(80):
            behave = noise.begin(actor, source)
            gap = behave(OBSERVATION) - actor(OBSERVATION)
            noise.end()
            distances.append(float(gap.square().mean().sqrt()))
        late = sum(distances[-20:]) / 20
        assert late == pytest.approx(0.05, rel=0.25)
        assert not 0.6 < distances[0] / 0.05 < 1.6  # it was not there from the start


def test_sigma_is_adapted_by_the_factor() -> None:
    noise = ParameterNoise(distance=1.0, sigma=0.1, factor=1.5)  # actions differ by less than 1
    noise.begin(small_actor(), generator())(OBSERVATION)
    noise.end()
    assert noise.sigma == pytest.approx(0.15)
    noise.distance = 1e-9
    noise.begin(small_actor(), generator())(OBSERVATION)
    noise.end()
    assert noise.sigma == pytest.approx(0.1)


def test_parameter_noise_is_the_same_for_a_whole_rollout_and_leaves_the_actor() -> None:
    noise, actor, source = ParameterNoise(sigma=0.1), small_actor(), generator()
    before = [parameter.clone() for parameter in actor.parameters()]
    behave = noise.begin(actor, source)
    first = behave(OBSERVATION)
    assert torch.equal(first, behave(OBSERVATION))
    assert not torch.equal(first, actor(OBSERVATION))
    noise.end()
    assert not torch.equal(first, noise.begin(actor, source)(OBSERVATION))
    for parameter, old in zip(actor.parameters(), before, strict=True):
        assert torch.equal(parameter, old)
        assert parameter.requires_grad


def test_sigma_is_kept() -> None:
    again = ParameterNoise(sigma=0.5)
    again.load_state_dict(ParameterNoise(sigma=0.125).state_dict())
    assert again.sigma == 0.125


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (ActionNoise, {"sigma": -0.1}),
        (ActionNoise, {"theta": 0.0}),
        (ParameterNoise, {"distance": 0.0}),
        (ParameterNoise, {"sigma": 0.0}),
        (ParameterNoise, {"factor": 1.0}),
    ],
)
def test_wrong_arguments(kind: type, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        kind(**wrong)
