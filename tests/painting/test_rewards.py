"""Rewards: one number per canvas, of the right sign and size."""

import pytest
import torch
from torch import Tensor, nn

from painting.networks import Discriminator
from painting.rewards import (
    L2Reward,
    LearnedReward,
    PsnrReward,
    Reward,
    WganGpReward,
    gradient_penalty,
    l2_distance,
)

B, SIZE = 4, 16


def pictures(seed: int = 0) -> Tensor:
    return torch.rand(B, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


class MeanScore(nn.Module):
    """How much the canvas is like the target in the mean; its one weight is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, target: Tensor, canvas: Tensor) -> Tensor:
        return -self.weight * l2_distance(canvas, target)


REWARDS = [L2Reward(), L2Reward(10.0), PsnrReward(), WganGpReward(MeanScore())]


# ---- what all have in common


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


# ---- L2 and PSNR


def test_l2_values() -> None:
    target = torch.zeros(2, 3, 4, 5)
    canvas = target + torch.tensor([0.5, 0.1]).view(2, 1, 1, 1)
    canvas[0, 0] = 0  # of three channels, one is right
    torch.testing.assert_close(l2_distance(canvas, target), torch.tensor([0.25 * 2 / 3, 0.01]))
    torch.testing.assert_close(
        L2Reward(3.0)(canvas, target, target), 3 * torch.tensor([0.25 * 2 / 3, 0.01])
    )


def test_psnr_values() -> None:
    """In bels: a tenth of the error is worth 1."""
    target = torch.zeros(1, 3, 4, 5)
    reward = PsnrReward(2.0, floor=0.0)
    assert reward(target + 1, target + 0.1**0.5, target).item() == pytest.approx(2, rel=1e-5)
    assert PsnrReward()(target + 1, target, target).item() == pytest.approx(4, rel=1e-4)


# ---- WGAN with gradient penalty


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


def test_a_step_against_the_loss_tells_real_from_fake() -> None:
    torch.manual_seed(0)
    reward = WganGpReward(Discriminator([8, 8]))
    optimizer = torch.optim.Adam(reward.trained.parameters(), 3e-3, (0.5, 0.999))
    target, canvas = pictures(0), torch.zeros(B, 3, SIZE, SIZE)
    for _ in range(30):
        optimizer.zero_grad()
        loss, _ = reward.loss(canvas, target)
        loss.backward()
        optimizer.step()
    assert (reward.trained(target, target) > reward.trained(target, canvas)).all()


def test_the_slow_copy_judges() -> None:
    reward = WganGpReward(MeanScore(), tau=0.25)
    assert isinstance(reward, LearnedReward)
    canvas, following, target = (pictures(seed) for seed in range(3))
    before = reward(canvas, following, target)
    with torch.no_grad():
        reward.discriminator.weight.fill_(5.0)
    torch.testing.assert_close(reward(canvas, following, target), before)
    reward.update_target()
    assert reward.target_discriminator.weight.item() == pytest.approx(0.75 * 1 + 0.25 * 5)
    torch.testing.assert_close(reward(canvas, following, target), 2 * before)
    assert not reward.target_discriminator.weight.requires_grad
    assert reward.trained is reward.discriminator


def test_the_loss_leaves_the_slow_copy_alone() -> None:
    reward = WganGpReward(Discriminator([4]))
    loss, _ = reward.loss(pictures(0), pictures(1))
    loss.backward()
    assert all(p.grad is None for p in reward.target_discriminator.parameters())
