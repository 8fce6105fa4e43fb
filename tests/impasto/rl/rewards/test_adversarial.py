"""Rewards by a discriminator: each loss against a case worked out by hand."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from impasto.errors import UserError
from impasto.networks import Discriminator, PairEmbedding
from impasto.rl.rewards import (
    AdversarialReward,
    CramerGanReward,
    DraganReward,
    FisherGanReward,
    LearnedReward,
    SaganReward,
    SnganReward,
    WganGpReward,
    gradient_penalty,
)
from tests.impasto.rl.rewards.stubs import (
    SIZE,
    B,
    Brightness,
    BrightnessVector,
    MeanScore,
    pictures,
    plain,
)

# Twice the brightness: real pairs score 2 and 0.5, painted ones 0 and 0.5.
TARGET, CANVAS = plain(1.0, 0.25), plain(0.0, 0.25)
SLOPE = 2 / 12**0.5

KINDS = [WganGpReward, DraganReward, FisherGanReward, CramerGanReward, SnganReward, SaganReward]


def small(kind: type[AdversarialReward]) -> AdversarialReward:
    """A reward with a small network of its own sort."""
    if kind is CramerGanReward:
        return kind(PairEmbedding([8, 8], outputs=4))
    norm = "spectral" if issubclass(kind, SnganReward) else "weight"
    return kind(Discriminator([8, 8], norm, attention=[1] if kind is SaganReward else ()))


# ---- the losses


def test_loss_formula() -> None:
    """E D(I, C) - E D(I, I) + weight * penalty."""
    reward = WganGpReward(Discriminator([4]), gradient_penalty_weight=7.0)
    target, canvas = pictures(0), pictures(1)
    loss, figures = reward.loss(canvas, target, torch.Generator().manual_seed(3))
    network = reward.discriminator
    fake, real = network(target, canvas).mean(), network(target, target).mean()
    penalty = gradient_penalty(network, target, canvas, torch.Generator().manual_seed(3))
    torch.testing.assert_close(loss, fake - real + 7 * penalty)
    torch.testing.assert_close(figures["wasserstein"], (real - fake).detach())
    torch.testing.assert_close(figures["gradient_penalty"], penalty.detach())
    assert not figures["wasserstein"].requires_grad


def test_wgan_gp_by_hand() -> None:
    """1.25 for real pairs and 0.25 for painted ones, in the mean."""
    loss, figures = WganGpReward(Brightness(), 10.0).loss(CANVAS, TARGET)
    assert loss.item() == pytest.approx(10 * (SLOPE - 1) ** 2 - 1)
    assert figures["wasserstein"].item() == pytest.approx(1)


def test_dragan_by_hand() -> None:
    loss, figures = DraganReward(Brightness(), 10.0).loss(CANVAS, TARGET)
    logistic = torch.sigmoid(torch.tensor([2, 0.5, 0, 0.5], dtype=torch.float64))
    entropy = -(logistic[:2].log().mean() + (1 - logistic[2:]).log().mean())
    assert loss.item() == pytest.approx(entropy.item() + 10 * (SLOPE - 1) ** 2)
    assert figures["score_gap"].item() == pytest.approx(1)
    assert figures["gradient_penalty"].item() == pytest.approx((SLOPE - 1) ** 2)
    certain, _ = DraganReward(Brightness(), 0.0).loss(1000 * CANVAS, TARGET)  # and no overflow
    expected = softplus(torch.tensor([-2.0, -0.5])).mean() + (softplus(torch.zeros(())) + 500) / 2
    assert certain.item() == pytest.approx(expected.item())


def test_sngan_and_sagan_by_hand() -> None:
    """max(0, 1 - D) of 2 and 0.5, and max(0, 1 + D) of 0 and 0.5."""
    for kind in (SnganReward, SaganReward):
        loss, figures = kind(Brightness()).loss(CANVAS, TARGET)
        assert loss.item() == pytest.approx((0 + 0.5) / 2 + (1 + 1.5) / 2)
        assert figures["score_gap"].item() == pytest.approx(1)
    loss, _ = SnganReward(Brightness()).loss(plain(-1.0), plain(1.0))
    assert loss.item() == 0  # beyond the margin


def test_fisher_gan_by_hand() -> None:
    """The squares 4, 0.25, 0 and 0.25 have the mean 1.125."""
    reward = FisherGanReward(Brightness(), rho=0.1)
    reward.multiplier.fill_(0.3)
    loss, figures = reward.loss(CANVAS, TARGET)
    assert loss.item() == pytest.approx(-(1 + 0.3 * (1 - 1.125) - 0.1 / 2 * 0.125**2))
    assert {key: round(value.item(), 4) for key, value in figures.items()} == {
        "score_gap": 1,
        "second_moment": 1.125,
        "multiplier": 0.3,
    }
    assert reward.multiplier.item() == pytest.approx(0.3)  # until the optimizer's step
    loss.backward()
    reward.update_target()
    assert reward.multiplier.item() == pytest.approx(0.3 + 0.1 * 0.125)
    assert figures["multiplier"].item() == pytest.approx(0.3)
    reward.update_target()  # without a loss there is nothing to go by
    assert reward.multiplier.item() == pytest.approx(0.3125)
    assert reward.state_dict()["multiplier"].item() == pytest.approx(0.3125)
    assert not any(parameter is reward.multiplier for parameter in reward.trained.parameters())


def test_cramer_gan_by_hand() -> None:
    """Vectors are 5 times the brightness long, and each painting's other one is the next's.

    f = 5 |p - p'| - 5 p: real 1 - 2 and 0.5 - 1.5, painted 2 - 1 and 2 - 3. Between 0.2 and 0.4
    f's slope is -5 - 5 at p' = 0.6; between 0.3 and 0.6 it is 5 - 5 at p' = 0.2.
    """
    target, canvas = plain(0.4, 0.3), plain(0.2, 0.6)
    reward = CramerGanReward(BrightnessVector(), 10.0)
    loss, figures = reward.loss(canvas, target, torch.Generator().manual_seed(0))
    distance = (-1 - 1) / 2 - (1 - 1) / 2
    penalty = ((10 / 12**0.5 - 1) ** 2 + (0 - 1) ** 2) / 2
    assert figures["energy_distance"].item() == pytest.approx(distance)
    assert figures["gradient_penalty"].item() == pytest.approx(penalty, rel=1e-5)
    assert loss.item() == pytest.approx(10 * penalty - distance, rel=1e-5)
    torch.testing.assert_close(reward.score(canvas, target), torch.tensor([-1.0, -1.5]))


def test_cramer_gan_needs_a_second_painting() -> None:
    with pytest.raises(UserError, match="batch_size=2"):
        CramerGanReward(BrightnessVector()).loss(plain(0.5), plain(1.0))


# ---- learning


@pytest.mark.parametrize("kind", KINDS)
def test_steps_against_the_loss_tell_real_from_fake(kind: type[AdversarialReward]) -> None:
    torch.manual_seed(0)
    reward = small(kind)
    reward.tau = 1.0
    optimizer = torch.optim.Adam(reward.trained.parameters(), 3e-3, (0.5, 0.999))
    target, canvas = pictures(0), torch.zeros(B, 3, SIZE, SIZE)
    before = reward(canvas, target, target)
    for _ in range(30):
        optimizer.zero_grad()
        loss, figures = reward.loss(canvas, target)
        loss.backward()
        optimizer.step()
        reward.update_target()
    assert (reward(canvas, target, target) > before + 0.05).all()
    assert all(value.shape == () and not value.requires_grad for value in figures.values())


def test_fisher_gan_holds_the_second_moment() -> None:
    reward = FisherGanReward(MeanScore(), rho=0.05)
    optimizer = torch.optim.SGD(reward.trained.parameters(), 0.3)
    for _ in range(400):
        optimizer.zero_grad()
        loss, figures = reward.loss(torch.zeros(B, 3, 2, 2), torch.ones(B, 3, 2, 2))
        loss.backward()
        optimizer.step()
        reward.update_target()
    # Real scores 0 and fake ones -w: the moment w^2 / 2 is 1 at w = 2^0.5, the gradient of the gap,
    # 1, is that of lambda w^2 / 2.
    assert reward.discriminator.weight.item() == pytest.approx(2**0.5, rel=1e-3)
    assert figures["multiplier"].item() == pytest.approx(0.5**0.5, rel=1e-3)


# ---- the target network


@pytest.mark.parametrize("kind", KINDS)
def test_the_target_network_judges(kind: type[AdversarialReward]) -> None:
    network = BrightnessVector() if kind is CramerGanReward else Brightness()
    reward = kind(network, tau=0.25)
    assert isinstance(reward, LearnedReward)
    assert reward.trained is reward.discriminator
    canvas, following, target = (pictures(seed) for seed in range(3))
    before = reward(canvas, following, target)
    with torch.no_grad():
        reward.discriminator.weight.mul_(5)
    torch.testing.assert_close(reward(canvas, following, target), before)
    reward.update_target()
    torch.testing.assert_close(reward(canvas, following, target), (0.75 + 0.25 * 5) * before)
    assert not reward.target_discriminator.weight.requires_grad


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_leaves_the_target_network_alone(kind: type[AdversarialReward]) -> None:
    reward = small(kind)
    before = {key: value.clone() for key, value in reward.target_discriminator.state_dict().items()}
    loss, _ = reward.loss(pictures(0), pictures(1))
    loss.backward()
    assert all(p.grad is None for p in reward.target_discriminator.parameters())
    after = reward.target_discriminator.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert any(p.grad.abs().max() > 0 for p in reward.trained.parameters() if p.grad is not None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reward_is_all_in_its_state(kind: type[AdversarialReward]) -> None:
    """One that was saved and loaded goes on as the other does, bit for bit."""

    def learn(reward: AdversarialReward) -> None:
        optimizer = torch.optim.SGD(reward.trained.parameters(), 0.01)
        loss, _ = reward.loss(pictures(0), pictures(1), torch.Generator().manual_seed(0))
        loss.backward()
        optimizer.step()
        reward.update_target()

    reward, again = small(kind), small(kind)
    reward.tau = again.tau = 0.5
    learn(reward)
    again.load_state_dict(copy.deepcopy(reward.state_dict()))
    again.zero_grad()
    reward.zero_grad()
    learn(reward)
    learn(again)
    theirs = again.state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in reward.state_dict().items())


@pytest.mark.parametrize(
    ("kind", "key", "value", "bound"),
    [
        (SnganReward, "tau", 1.5, "from 0 to 1"),
        (WganGpReward, "gradient_penalty_weight", -1.0, "at least 0"),
        (DraganReward, "noise", -1.0, "at least 0"),
        (FisherGanReward, "rho", float("nan"), "above 0"),
    ],
)
def test_wrong_numbers(kind: type[AdversarialReward], key: str, value: float, bound: str) -> None:
    with pytest.raises(UserError, match=f"^`{key}` is {value} — give a number, {bound}$"):
        kind(nn.Identity(), **{key: value})
