"""Weighted sums of rewards."""

import pytest
import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.rl.rewards import (
    FisherGanReward,
    L1Reward,
    L2Reward,
    LearnedReward,
    Reward,
    SnganReward,
    WeightedReward,
    WganGpReward,
)
from tests.conftest import Compose
from tests.impasto.rl.rewards.stubs import B, Brightness, pictures, plain


def test_the_sum_by_hand() -> None:
    """L2 from 0.25 to 0.01, L1 from 0.5 to 0.1."""
    reward = WeightedReward({"a": L2Reward(10.0), "b": L1Reward()}, {"a": 2.0, "b": -3})
    earned = reward(plain(0.5), plain(0.9), plain(1.0))
    assert earned.tolist() == [pytest.approx(2 * 10 * 0.24 - 3 * 0.4)]


class Wrong(Reward):
    """One number for all canvases, which a sum would spread over them."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def score(self, canvas: Tensor, target: Tensor) -> Tensor:
        return torch.zeros(self.shape)


@pytest.mark.parametrize("shape", [(), (1,), (8, 1), (1, 8), (8, 8)])
def test_a_part_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    reward = WeightedReward({"l2": L2Reward(), "wrong": Wrong(shape)}, {"l2": 1.0, "wrong": 1.0})
    with pytest.raises(ValueError, match=r"Wrong\.score returned .* for 8 canvases, not \(8,\)"):
        reward(*(pictures(seed) for seed in range(3)))


def test_parts_learn_as_they_would_alone() -> None:
    wgan, fisher = WganGpReward(Brightness(), tau=0.5), FisherGanReward(Brightness(), tau=0.25)
    parts = {"l2": L2Reward(), "one": wgan, "two": fisher}
    reward = WeightedReward(parts, {"l2": 1.0, "one": 100.0, "two": 0.0})
    assert isinstance(reward, LearnedReward)
    assert list(reward.trained.parameters()) == [
        wgan.discriminator.weight,
        fisher.discriminator.weight,
    ]
    target, canvas = plain(1.0, 0.25), plain(0.0, 0.25)
    loss, figures = reward.loss(canvas, target)
    losses = [part.loss(canvas, target)[0] for part in (wgan, fisher)]
    torch.testing.assert_close(loss, losses[0] + losses[1])
    assert set(figures) == {
        "one_loss",
        "one_wasserstein",
        "one_gradient_penalty",
        "two_loss",
        "two_score_gap",
        "two_second_moment",
        "two_multiplier",
    }
    assert figures["one_wasserstein"].item() == pytest.approx(1)
    assert figures["two_loss"].item() == pytest.approx(losses[1].item())
    with torch.no_grad():
        for weight in reward.trained.parameters():
            weight.fill_(6.0)
    reward.update_target()
    assert wgan.target_discriminator.weight.item() == pytest.approx(4)
    assert fisher.target_discriminator.weight.item() == pytest.approx(3)


def test_without_parts_that_learn_there_is_nothing_to_train() -> None:
    reward = WeightedReward({"a": L2Reward()}, {"a": 1.0})
    assert list(reward.trained.parameters()) == []
    loss, figures = reward.loss(pictures(0), pictures(1))
    assert (loss.item(), figures) == (0, {})
    reward.update_target()


def test_the_generator_is_the_parts() -> None:
    reward = WeightedReward({"a": WganGpReward(Brightness())}, {"a": 1.0})
    generator = torch.Generator().manual_seed(0)
    before, everyones = generator.get_state(), torch.get_rng_state()
    reward.loss(pictures(0), pictures(1), generator)
    assert not torch.equal(generator.get_state(), before)
    assert torch.equal(torch.get_rng_state(), everyones)


def test_a_sum_is_a_part_too_and_keeps_everything_in_its_state() -> None:
    inner = WeightedReward({"gan": SnganReward(Brightness())}, {"gan": 2.0})
    reward = WeightedReward({"sum": inner, "l2": L2Reward()}, {"sum": 3.0, "l2": 0.0})
    earned = reward(plain(0.5), plain(0.75), plain(1.0))
    assert earned.tolist() == [pytest.approx(3 * 2 * 2 * 0.25)]
    start = "parts.sum.parts.gan."
    names = {f"{start}discriminator.weight", f"{start}target_discriminator.weight"}
    assert set(reward.state_dict()) == names
    assert reward(*(pictures(seed) for seed in range(3))).shape == (B,)


@pytest.mark.parametrize(
    ("parts", "weights", "said"),
    [
        ((), {}, "`parts` is empty"),
        (("a", "b"), {"a": 1.0}, r"part b has no weight — add `WeightedReward\.weights\.b=1`"),
        (("a",), {"a": 1.0, "c": 1.0}, r"weights` names c, which is no part"),
        (("items",), {"items": 1.0}, "called 'items' — give it another name"),
        (("a.b",), {"a.b": 1.0}, r"called 'a\.b'"),
        (("a",), {"a": "much"}, r"`WeightedReward\.weights\.a` is 'much' — give a number"),
    ],
)
def test_wrong_parts_and_weights(
    parts: tuple[str, ...], weights: dict[str, float], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        WeightedReward({name: L2Reward() for name in parts}, weights)


def test_parts_are_chosen_on_the_command_line(compose_config: Compose) -> None:
    given = ["reward@reward.parts.first=l1", "reward.weights.second=0.5"]
    third = ["+reward@reward.parts.third=psnr", "+reward.weights.third=1"]
    cfg = compose_config("task=train", "reward=weighted", *given, *third)
    assert cfg.reward._target_ == "impasto.rl.rewards.WeightedReward"
    assert {name: part._target_ for name, part in cfg.agent.reward.parts.items()} == {
        "first": "impasto.rl.rewards.L1Reward",
        "second": "impasto.rl.rewards.WganGpReward",
        "third": "impasto.rl.rewards.PsnrReward",
    }
    assert dict(cfg.reward.weights) == {"first": 1.0, "second": 0.5, "third": 1}
