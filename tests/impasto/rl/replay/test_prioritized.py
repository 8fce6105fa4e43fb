"""Prioritized replay against the formulas of Schaul et al. (2016), section 3.3."""

import math
from pathlib import Path

import pytest
import torch
from scipy import stats

from impasto.rl.replay import PrioritizedReplay
from tests.impasto.rl.replay.restoring import restore

EPSILON = 0.5


def filled(errors: list[float], steps: int = 2, capacity: int = 4) -> PrioritizedReplay:
    """As many transitions as errors, in episodes of so many steps."""
    replay = PrioritizedReplay(capacity, alpha=0.7, beta=0.4, beta_updates=100, epsilon=EPSILON)
    add(replay, len(errors) // steps, steps)
    replay.prioritize(torch.arange(len(errors)), torch.tensor(errors))
    return replay


def add(replay: PrioritizedReplay, count: int, steps: int = 2) -> None:
    target = torch.zeros(count, 3, 2, 2)
    replay.add(target, torch.zeros(count, steps + 1, 3, 2, 2), torch.zeros(count, steps, 1))


def expected(priorities: list[float]) -> list[float]:
    powers = [priority**0.7 for priority in priorities]
    return [power / sum(powers) for power in powers]


def test_probabilities_are_the_formula() -> None:
    replay = filled([0.5, -1.5, 0.0, 7.5])
    wanted = expected([1.0, 2.0, 0.5, 8.0])  # |delta| + epsilon
    torch.testing.assert_close(replay.probabilities(), torch.tensor(wanted))


@pytest.mark.parametrize(("update", "beta"), [(0, 0.4), (50, 0.7), (100, 1.0), (1000, 1.0)])
def test_weights_are_the_formula_with_a_rising_beta(update: int, beta: float) -> None:
    replay = filled([0.5, 1.5, 0.0, 7.5])
    assert replay.beta_at(update) == pytest.approx(beta)
    batch = replay.sample(64, torch.Generator().manual_seed(0), update=update)
    chance = expected([1.0, 2.0, 0.5, 8.0])
    weight = [(1 / (4 * p)) ** beta for p in chance]
    wanted = torch.tensor([w / max(weight) for w in weight])
    torch.testing.assert_close(batch.weight, wanted[batch.position])
    assert len(batch.position.unique()) == 4


def test_what_is_sampled_follows_the_probabilities() -> None:
    """Chi-square, on 20,000 draws of six transitions, two of them in a cut-off capacity."""
    replay = filled([0.1, 3.0, 0.5, 9.0, 0.0, 1.0], capacity=5)
    drawn = replay.sample(20_000, torch.Generator().manual_seed(1)).position
    counts = drawn.bincount(minlength=6)
    assert counts.sum() == 20_000
    assert len(counts) == 6  # never an empty slot
    wanted = 20_000 * replay.probabilities().double()
    wanted *= counts.sum() / wanted.sum()
    assert stats.chisquare(counts.numpy(), wanted.numpy()).pvalue > 0.01
    uniform = stats.chisquare(counts.numpy())
    assert uniform.pvalue < 1e-6  # the test can tell


def test_new_transitions_get_the_largest_priority() -> None:
    replay = filled([0.5, 1.5, 0.0, 7.5])
    add(replay, 1)
    wanted = expected([1.0, 2.0, 0.5, 8.0, 8.0, 8.0])
    torch.testing.assert_close(replay.probabilities(), torch.tensor(wanted))
    add(replay, 2)  # the fourth slot, then round to the first
    wanted = expected([8.0, 8.0, 0.5, 8.0, 8.0, 8.0, 8.0, 8.0])
    torch.testing.assert_close(replay.probabilities(), torch.tensor(wanted))


def test_the_first_ones_are_alike() -> None:
    replay = PrioritizedReplay(4)
    add(replay, 2)
    assert replay.probabilities().tolist() == [0.25] * 4
    assert replay.sample(5).weight.tolist() == [1.0] * 5


def test_alpha_0_is_uniform() -> None:
    replay = PrioritizedReplay(2, alpha=0.0)
    add(replay, 2)
    replay.prioritize(torch.arange(4), torch.tensor([0.0, 1.0, 10.0, 100.0]))
    assert replay.probabilities().tolist() == [0.25] * 4


def test_saved_and_loaded_draws_the_same(tmp_path: Path) -> None:
    replay = filled([0.5, 1.5, 0.0, 7.5])
    again = PrioritizedReplay(4, alpha=0.7, beta=0.4, beta_updates=100, epsilon=EPSILON)
    restore(replay, again, tmp_path)
    one, other = (r.sample(50, torch.Generator().manual_seed(3)) for r in (replay, again))
    assert torch.equal(one.position, other.position)
    assert torch.equal(one.weight, other.weight)
    for buffer in (replay, again):
        add(buffer, 1)
        buffer.prioritize(torch.tensor([5]), torch.tensor([2.5]))
    assert torch.equal(replay.probabilities(), again.probabilities())
    empty = PrioritizedReplay(4)
    restore(empty, again, tmp_path)
    assert len(again) == 0


@pytest.mark.parametrize(
    "wrong", [{"alpha": -1}, {"beta": 1.5}, {"beta_updates": 0}, {"epsilon": 0}, {"episodes": 0}]
)
def test_wrong_arguments(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))}"):
        PrioritizedReplay(**({"episodes": 3} | wrong))  # type: ignore[arg-type]


def test_a_draw_at_the_upper_edge_is_one_that_is_held() -> None:
    """Rounding must not lead past the last transition."""
    replay = filled([math.pi * i for i in range(8)])
    assert int(replay.sample(100_000, torch.Generator().manual_seed(0)).position.max()) == 7
