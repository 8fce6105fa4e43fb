"""Rewards: one number per canvas, of the right sign and size."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from impasto.networks import Discriminator
from impasto.rl import rewards
from impasto.rl.rewards import (
    AdversarialReward,
    CramerGanReward,
    DraganReward,
    FisherGanReward,
    L1Reward,
    L2Reward,
    PerceptualReward,
    PsnrReward,
    Reward,
    SaganReward,
    SnganReward,
    WeightedReward,
    WganGpReward,
    l2_distance,
)
from tests.impasto.rl.rewards.stubs import SIZE, B, BrightnessVector, MeanScore, pictures

REWARDS = [
    L2Reward(),
    L2Reward(10.0),
    L1Reward(),
    L1Reward(5.0),
    PsnrReward(),
    CramerGanReward(BrightnessVector()),
    WeightedReward({"a": L2Reward(), "b": WganGpReward(MeanScore())}, {"a": 2.0, "b": 0.5}),
    *(
        kind(MeanScore())
        for kind in (WganGpReward, DraganReward, FisherGanReward, SnganReward, SaganReward)
    ),
]


def kinds_of_rewards() -> Iterator[type[Reward]]:
    """Every class of the package that can be a reward."""
    for module in pkgutil.iter_modules(rewards.__path__, "impasto.rl.rewards."):
        for kind in vars(importlib.import_module(module.name)).values():
            if isinstance(kind, type) and issubclass(kind, Reward) and not inspect.isabstract(kind):
                yield kind


def test_all_rewards_are_tested_here() -> None:
    elsewhere = {PerceptualReward}  # needs a file of weights: test_perceptual.py
    assert set(kinds_of_rewards()) == {*map(type, REWARDS), *elsewhere}


# ---- shape


@pytest.mark.parametrize("reward", [*REWARDS, WganGpReward(Discriminator([4]))])
def test_one_number_per_canvas(reward: Reward) -> None:
    assert reward(pictures(0), pictures(1), pictures(2)).shape == (B,)
    one = reward(*(pictures(seed)[:1] for seed in range(3)))
    assert one.shape == (1,)


class ColumnReward(Reward):
    """The field's bug: a discriminator's (B, 1)."""

    def score(self, canvas: Tensor, target: Tensor) -> Tensor:
        return l2_distance(canvas, target)[:, None]


class ScalarReward(Reward):
    def score(self, canvas: Tensor, target: Tensor) -> Tensor:
        return l2_distance(canvas, target).mean()


@pytest.mark.parametrize("kind", [ColumnReward, ScalarReward])
def test_any_other_shape_is_refused(kind: type[Reward]) -> None:
    with pytest.raises(ValueError, match=rf"{kind.__name__}\.score returned .*, not \(8,\)"):
        kind()(pictures(0), pictures(1), pictures(2))


@pytest.mark.parametrize("reward", REWARDS)
def test_a_column_is_refused_of_every_reward(
    reward: Reward, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = reward.score
    monkeypatch.setattr(
        type(reward), "score", lambda _, canvas, target: right(canvas, target)[:, None]
    )
    with pytest.raises(ValueError, match=r"returned \(8, 1\) for 8 canvases, not \(8,\)"):
        reward(pictures(0), pictures(1), pictures(2))


class ColumnScore(MeanScore):
    """What most published discriminators return."""

    def forward(self, target: Tensor, canvas: Tensor) -> Tensor:
        return super().forward(target, canvas)[:, None]


# A dict keeps its order: workers of a parallel run must agree on the tests.
@pytest.mark.parametrize("kind", {type(r): 0 for r in REWARDS if isinstance(r, AdversarialReward)})
def test_a_discriminator_with_columns_is_refused(kind: type[AdversarialReward]) -> None:
    if kind is CramerGanReward:  # whose embedding has columns, and nothing else
        with pytest.raises(ValueError, match=r"MeanScore returned \(8,\) for 8 pairs, not \(8, d"):
            kind(MeanScore()).loss(pictures(0), pictures(1))
        return
    with pytest.raises(ValueError, match=rf"{kind.__name__}\.score returned \(8, 1\)"):
        kind(ColumnScore())(pictures(0), pictures(1), pictures(2))
    with pytest.raises(ValueError, match=r"ColumnScore returned \(8, 1\) for 8 canvases"):
        kind(ColumnScore()).loss(pictures(0), pictures(1))


# ---- what a reward is


@pytest.mark.parametrize("reward", REWARDS)
def test_sign_on_two_known_canvases(reward: Reward) -> None:
    target = torch.ones(1, 3, SIZE, SIZE)
    far, near = target - 0.8, target - 0.1
    assert reward(far, near, target) > 0
    assert reward(near, far, target) < 0
    assert reward(near, near, target) == 0
    torch.testing.assert_close(reward(near, far, target), -reward(far, near, target))


@pytest.mark.parametrize("reward", REWARDS)
def test_rewards_of_an_episode_add_up(reward: Reward) -> None:
    first, second, third, target = (pictures(seed) for seed in range(4))
    total = reward(first, second, target) + reward(second, third, target)
    torch.testing.assert_close(total, reward(first, third, target))


@pytest.mark.parametrize("reward", REWARDS)
def test_each_canvas_earns_its_own(reward: Reward) -> None:
    canvas, following, target = (pictures(seed) for seed in range(3))
    together = reward(canvas, following, target)
    for n in range(B):
        alone = reward(canvas[n : n + 1], following[n : n + 1], target[n : n + 1])
        torch.testing.assert_close(together[n : n + 1], alone)


@pytest.mark.parametrize("reward", REWARDS)
def test_the_gradient_goes_through_the_next_canvas(reward: Reward) -> None:
    target = torch.ones(1, 3, SIZE, SIZE)
    following = (target - 0.5).requires_grad_()
    reward(target - 0.9, following, target).sum().backward()
    assert (following.grad > 0).all()  # brighter is nearer


# ---- L1, L2 and PSNR


def test_l2_and_l1_values() -> None:
    target = torch.zeros(2, 3, 4, 5)
    canvas = target + torch.tensor([0.5, 0.1]).view(2, 1, 1, 1)
    canvas[0, 0] = 0  # of three channels, one is right
    squares, amounts = torch.tensor([0.25 * 2 / 3, 0.01]), torch.tensor([0.5 * 2 / 3, 0.1])
    torch.testing.assert_close(l2_distance(canvas, target), squares)
    torch.testing.assert_close(L2Reward(3.0)(canvas, target, target), 3 * squares)
    torch.testing.assert_close(L1Reward(3.0)(canvas, target, target), 3 * amounts)
    torch.testing.assert_close(L1Reward()(-canvas, target, target), amounts)


def test_psnr_values() -> None:
    """In bels: a tenth of the error is worth 1."""
    target = torch.zeros(1, 3, 4, 5)
    reward = PsnrReward(2.0, floor=0.0)
    assert reward(target + 1, target + 0.1**0.5, target).item() == pytest.approx(2, rel=1e-5)
    assert PsnrReward()(target + 1, target, target).item() == pytest.approx(4, rel=1e-4)
