"""The targets and losses of TD3, DDPG and PatchQ, worked out by hand."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from impasto.compositing import to_tiles
from impasto.networks import TwinCritic
from impasto.renderers import AnalyticRenderer
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.rewards import l2_distance
from impasto.strokes import Circle
from lightning_modules import DDPG, TD3, PatchQ
from tests.lightning_modules.conftest import (
    BUNDLE,
    SIZE,
    STEPS,
    AfterUpdate,
    MemoryData,
    attached,
    make_agent_of,
    run,
)
from tests.lightning_modules.examples import MeanValue, batch_of, painted, simple_agent, transition

DISCOUNT = 0.9**BUNDLE


def gained(before: Tensor, after: Tensor, target: Tensor) -> Tensor:
    return 10 * (l2_distance(before, target) - l2_distance(after, target))


class Weighted(nn.Module):
    """Q(s, a) = weight * mean of the canvas * mean of the action."""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        return self.weight * observation[:, 0:3].mean((1, 2, 3)) * action.mean(1)


# ---- TD3


def twin_agent(**arguments: object) -> TD3:
    agent = simple_agent(TD3, target_noise=0.0, **arguments)
    for name, first, second in (("critic", 1.0, 2.0), ("target_critic", 0.8, 0.5)):
        twins = getattr(agent, name)
        assert isinstance(twins, TwinCritic)
        assert isinstance(twins.first, MeanValue)
        assert isinstance(twins.second, MeanValue)
        twins.first.weight.data.fill_(first)
        twins.second.weight.data.fill_(second)
    return agent


def test_td3_learns_from_the_lower_target_critic() -> None:
    """On two states, one of them the last but one: discount * [r + min V']."""
    agent = twin_agent()
    batch = batch_of([0, 1])  # s_{t+1} is at 1 and 2, of T = 3
    canvas, target = batch.next_state.canvas, batch.next_state.target
    action = agent.target_actor.action
    after = torch.cat([painted(canvas[:1], action, 2), painted(canvas[1:], action, 1)])
    least = torch.tensor([0.5, 0.0]) * after.mean((1, 2, 3))  # V' of the end is 0
    wanted = (DISCOUNT * (gained(canvas, after, target) + least)).detach()
    mean = canvas.mean((1, 2, 3))
    errors = torch.stack([1.0 * mean - wanted, 2.0 * mean - wanted], dim=1)
    figures = agent.update_critic(batch)
    assert figures["critic_loss"].item() == pytest.approx(errors.square().mean().item(), rel=1e-4)
    assert figures["value"].item() == pytest.approx(wanted.mean().item(), rel=1e-4)
    for number, critic in enumerate((agent.critic.first, agent.critic.second)):
        slope = (errors[:, number] * mean).mean()  # 2 / 2: a mean over both critics
        assert critic.weight.grad.item() == pytest.approx(slope.item(), rel=1e-3)


def test_td3s_least_is_taken_state_by_state() -> None:
    agent = twin_agent()
    agent.target_critic.second.forward = lambda o: 1 - o[:, 0:3].mean((1, 2, 3))  # type: ignore[method-assign]
    agent.target_critic.first.weight.data.fill_(1.0)
    agent.target_actor.action.data.zero_()  # no paint: s_{t+2} looks like s_{t+1}
    batch = batch_of([0, 0])
    levels = torch.tensor([0.2, 0.9]).view(2, 1, 1, 1)
    state = batch.next_state._replace(canvas=torch.ones(2, 3, SIZE, SIZE) * levels)
    value = agent.update_critic(batch._replace(next_state=state))["value"]
    assert value.item() == pytest.approx(DISCOUNT * (0.2 + 0.1) / 2, rel=1e-4)


def test_td3s_actor_climbs_the_first_critic() -> None:
    agent = twin_agent(actor_every=1)
    batch = batch_of([0, 1])
    after = torch.cat([painted(c[None], agent.actor.action) for c in batch.state.canvas])
    reward = gained(batch.state.canvas, after, batch.state.target).mean()
    value = 1.0 * after.mean()
    figures = agent.update_actor(batch)
    assert figures["actor_loss"].item() == pytest.approx(-(reward + value).item(), rel=1e-4)


def test_td3s_actor_and_target_networks_wait() -> None:
    agent = simple_agent(TD3, actor_every=3)
    moved = []
    for _ in range(6):
        before = [agent.actor.action.clone(), agent.target_critic.first.weight.clone()]
        critic = agent.critic.first.weight.clone()
        agent.update(transition(agent))
        agent.update_count += 1
        now = [agent.actor.action, agent.target_critic.first.weight]
        moved.append([not torch.equal(a, b) for a, b in zip(before, now, strict=True)])
        assert not torch.equal(critic, agent.critic.first.weight)
    assert moved == [[False, False], [False, False], [True, True]] * 2


def test_td3s_target_actions_are_disturbed_but_not_by_more_than_the_clip() -> None:
    agent = simple_agent(TD3, target_noise=0.1, noise_clip=0.15)
    agent.target_actor.action.data.fill_(0.5)
    state = transition(agent, 2000).state
    noise = agent.target_action(state) - 0.5
    assert noise.abs().max() == pytest.approx(0.15, abs=1e-6)
    inside = noise[noise.abs() < 0.149]
    assert len(inside) / noise.numel() == pytest.approx(0.866, abs=0.01)  # within 1.5 sigma
    agent.target_actor.action.data.fill_(0.99)
    action = agent.target_action(state)
    assert action.max() == 1.0
    assert agent.act(agent.target_actor, state).max() < 1.0


# ---- DDPG


def test_ddpgs_target_by_hand() -> None:
    """On two states: r(s, a) of the replay, and Q' where the episode goes on."""
    agent = simple_agent(DDPG, critic=lambda channels, dim: Weighted())
    agent.critic.weight.data.fill_(1.5)
    agent.target_critic.weight.data.fill_(0.5)
    batch = batch_of([0, STEPS - 1])
    earned = gained(batch.state.canvas, batch.next_state.canvas, batch.state.target)
    later = 0.5 * batch.next_state.canvas.mean((1, 2, 3)) * agent.target_actor.action.mean()
    wanted = (earned + DISCOUNT * later * torch.tensor([1.0, 0.0])).detach()
    factor = batch.state.canvas.mean((1, 2, 3)) * batch.action.mean(1)
    error = 1.5 * factor - wanted
    figures = agent.update_critic(batch)
    assert figures["critic_loss"].item() == pytest.approx(error.square().mean().item(), rel=1e-4)
    slope = (2 * error * factor).mean()
    assert agent.critic.weight.grad.item() == pytest.approx(slope.item(), rel=1e-3)


def test_ddpgs_actor_climbs_q_and_never_sees_the_renderer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agent = simple_agent(DDPG, critic=lambda channels, dim: Weighted())

    def no_step(*_: object) -> None:
        raise AssertionError("the environment is not asked")

    monkeypatch.setattr(agent.environment, "step", no_step)
    agent.critic.weight.data.fill_(1.0)
    batch = batch_of([0, 1, 2])
    mean = batch.state.canvas.mean((1, 2, 3))
    expected = -(mean * agent.actor.action.mean()).mean()
    slope = -mean.mean() / agent.actor.action.numel()
    figures = agent.update_actor(batch)
    assert figures["actor_loss"].item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(agent.actor.action.grad, slope.expand_as(agent.actor.action))
    agent.update(batch)


def test_ddpg_learns_from_actions_which_stroke_pays() -> None:
    """A critic that has seen rewards leads the actor to a stroke that pays, without a model."""
    torch.manual_seed(0)
    agent = simple_agent(
        DDPG,
        critic=lambda channels, dim: QuadraticValue(dim),
        actor_scheduler=None,
        critic_scheduler=None,
        critic_optimizer=partial(torch.optim.Adam, lr=0.03),
    )
    best = 0.3
    agent.reward.forward = lambda *_: -(agent.drawn - best).square().sum(1)
    for _ in range(300):
        batch = batch_of([STEPS - 1] * 64)
        agent.drawn = torch.rand_like(batch.action)
        agent.update(batch._replace(action=agent.drawn))
    torch.testing.assert_close(
        agent.actor.action, torch.full_like(agent.actor.action, best), atol=0.05, rtol=0
    )


class QuadraticValue(nn.Module):
    """Q(s, a): a parabola in every number of the action, by Legendre polynomials."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(3, dim))

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        u = 2 * action - 1
        powers = torch.stack([torch.ones_like(u), u, u.square() - 1 / 3], dim=1)
        return (self.weights * powers).sum((1, 2))


# ---- PatchQ


def test_patchq_learns_each_patch_by_its_own_reward() -> None:
    """On two states with 2 x 2 patches, worked out patch by patch."""
    agent = simple_agent(PatchQ, patches=2, critic=lambda channels, dim: Weighted())
    agent.critic.weight.data.fill_(1.5)
    agent.target_critic.weight.data.fill_(0.5)
    batch = batch_of([0, STEPS - 1])
    half = SIZE // 2
    total = torch.zeros(())
    for n in range(2):
        for rows in (slice(0, half), slice(half, SIZE)):
            for columns in (slice(0, half), slice(half, SIZE)):
                now, after, target = (
                    picture[n : n + 1, :, rows, columns]
                    for picture in (batch.state.canvas, batch.next_state.canvas, batch.state.target)
                )
                later = 0.5 * after.mean() * agent.target_actor.action.mean() if n == 0 else 0.0
                wanted = gained(now, after, target) + DISCOUNT * later
                total = total + (1.5 * now.mean() * batch.action[n].mean() - wanted).square() / 8
    assert agent.update_critic(batch)["critic_loss"].item() == pytest.approx(total.item(), rel=1e-4)


def test_rewards_of_patches_average_to_that_of_the_picture() -> None:
    batch = batch_of([0, 1, 2])
    whole = simple_agent(DDPG, critic=lambda channels, dim: Weighted())
    patches = simple_agent(PatchQ, patches=4, critic=lambda channels, dim: Weighted())
    rewards = patches.rewards(batch.state, batch.next_state)
    assert rewards.shape == (3, 16)
    whole_reward = whole.reward(batch.state.canvas, batch.next_state.canvas, batch.state.target)
    torch.testing.assert_close(rewards.mean(1), whole_reward)


@pytest.mark.parametrize("patches", [1, 2])
def test_a_discriminator_of_patches_learns_on_patches(
    patches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it scores and what it saw have one size, and are pictures and targets of one place."""
    agent = attached(make_agent_of(PatchQ, patches=patches))
    seen: dict[str, list[Tensor]] = {"scored": [], "learned": []}
    score, loss = agent.reward.score, agent.reward.loss

    def scored(canvas: Tensor, target: Tensor) -> Tensor:
        seen["scored"] += [canvas, target]
        return score(canvas, target)

    def learned(canvas: Tensor, target: Tensor, generator: torch.Generator) -> Any:
        seen["learned"] += [canvas, target]
        return loss(canvas, target, generator)

    monkeypatch.setattr(agent.reward, "score", scored)
    monkeypatch.setattr(agent.reward, "loss", learned)
    batch = batch_of([0, 1, 2])
    agent.update(batch)
    side = SIZE // patches
    shapes = {tuple(part.shape[1:]) for parts in seen.values() for part in parts}
    assert shapes == {(3, side, side)}
    for found, whole in zip(
        seen["learned"], (batch.next_state.canvas, batch.next_state.target), strict=True
    ):
        assert torch.equal(found, to_tiles(whole, side))


def test_patches_are_cut_row_by_row() -> None:
    picture = torch.arange(2 * 3 * 4 * 6).view(2, 3, 4, 6)
    patches = to_tiles(picture, 2)
    assert patches.shape == (12, 3, 2, 2)
    for n, (batch, top, left) in enumerate(
        [(b, t, c) for b in (0, 1) for t in (0, 2) for c in (0, 2, 4)]
    ):
        assert torch.equal(patches[n], picture[batch, :, top : top + 2, left : left + 2])


def test_one_patch_is_ddpg() -> None:
    one_step = PaintingEnvironment(AnalyticRenderer(Circle(), SIZE), 4, BUNDLE)
    losses = []
    for kind, more in ((DDPG, {}), (PatchQ, {"patches": 1})):
        agent = simple_agent(
            kind, critic=lambda channels, dim: Weighted(), environment=one_step, **more
        )
        figures = agent.update(batch_of([0, 1]))
        losses.append([figures["critic_loss"].item(), figures["actor_loss"].item()])
    assert losses[0] == pytest.approx(losses[1])


def test_a_td3_without_a_critic_makes_all_its_updates(tmp_path: Path) -> None:
    """A painting of one bundle has no critic, and every other update then moves nothing."""
    environment = PaintingEnvironment(AnalyticRenderer(Circle(), SIZE), BUNDLE, BUNDLE)
    agent = make_agent_of(TD3, "l2", environment=environment, updates=4)
    seen: list[set[str]] = []
    note = AfterUpdate(lambda update, figures: seen.append(set(figures)))
    run(agent, tmp_path, MemoryData(), callbacks=[note])
    assert seen == [set(), {"actor_loss", "reward"}] * 2
