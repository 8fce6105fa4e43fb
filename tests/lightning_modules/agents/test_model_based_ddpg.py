"""The updates: which network each changes, by what loss, in which order."""

import pytest
import torch
from torch import Tensor

from impasto.networks import ZeroCritic
from impasto.renderers import AnalyticRenderer
from impasto.rl.environment import PaintingEnvironment, State
from impasto.rl.replay import Transition
from impasto.rl.rewards import l2_distance
from impasto.strokes import Circle
from lightning_modules import ModelBasedDDPG
from tests.lightning_modules.conftest import (
    BUNDLE,
    SIZE,
    STEPS,
    attached,
    make_agent,
    stir,
)
from tests.lightning_modules.examples import (
    batch_of,
    only_changes,
    painted,
    simple_agent,
    transition,
)

# ---- by what loss


def test_value_target_by_hand() -> None:
    """discount ** K * [r + V'], with nothing after the end, and a last bundle that is cut."""
    agent = simple_agent()
    agent.critic.weight.data.fill_(1.0)
    agent.target_critic.weight.data.fill_(0.5)
    agent.target_actor.action.data.uniform_()
    batch = batch_of([0, 1, 2])  # s_{t+1} is at 1, 2 and 3, of T = 3
    expected = torch.zeros(3)
    canvas, target = batch.next_state.canvas, batch.next_state.target
    for n, strokes in enumerate([2, 1, 0]):  # five strokes: the last bundle has one
        before = canvas[n : n + 1]
        after = painted(before, agent.target_actor.action, strokes)
        wanted = target[n : n + 1]
        reward = 10 * (l2_distance(before, wanted) - l2_distance(after, wanted)).item()
        value = 0.5 * after.mean().item() if n == 0 else 0.0  # V' is 0 where s_{t+2} is the end
        if n < 2:
            expected[n] = 0.9**BUNDLE * (reward + value)
    predicted = canvas.mean((1, 2, 3)) * torch.tensor([1.0, 1.0, 0.0])  # V of the end is 0
    figures = agent.update_critic(batch)
    assert figures["value"].item() == pytest.approx(expected.mean().item(), rel=1e-4)
    loss = (predicted.detach() - expected.detach()).square().mean()
    assert figures["critic_loss"].item() == pytest.approx(loss.item(), rel=1e-4)
    assert agent.critic.weight.grad is not None
    slope = (2 * (predicted - expected) * canvas.mean((1, 2, 3)) * torch.tensor([1.0, 1, 0])).mean()
    assert agent.critic.weight.grad.item() == pytest.approx(slope.item(), rel=1e-4)


def test_actor_loss_by_hand() -> None:
    """-(r + V) through the present actor and the present critic, V 0 at the end, no discount."""
    agent = simple_agent()
    agent.critic.weight.data.fill_(0.7)
    agent.target_critic.weight.data.fill_(9.0)
    batch = batch_of([0, 1, 2])
    canvas, target = batch.state.canvas, batch.state.target
    rewards, values = [], []
    for n, strokes in enumerate([2, 2, 1]):
        before, wanted = canvas[n : n + 1], target[n : n + 1]
        after = painted(before, agent.actor.action, strokes)
        rewards.append(10 * (l2_distance(before, wanted) - l2_distance(after, wanted)))
        values.append(0.7 * after.mean() if n < 2 else torch.zeros(()))
    reward, value = torch.cat(rewards).mean(), torch.stack(values).mean()
    (slope,) = torch.autograd.grad(-(reward + value), agent.actor.action)
    figures = agent.update_actor(batch)
    assert figures["reward"].item() == pytest.approx(reward.item(), rel=1e-4)
    assert figures["actor_loss"].item() == pytest.approx(-(reward + value).item(), rel=1e-4)
    torch.testing.assert_close(agent.actor.action.grad, slope, rtol=1e-3, atol=1e-5)


def test_rewards_and_values_do_not_broadcast() -> None:
    """Each canvas's target is its own: (B,) + (B,) and not (B, B)."""
    agent = simple_agent()
    batch = batch_of([0, 0, 0, 1, 1])
    one_by_one = []
    for n in range(5):
        single = Transition(
            *(
                State(*(tensor[n : n + 1] for tensor in part))
                if isinstance(part, State)
                else part[n : n + 1]
                for part in batch
            )
        )
        agent.critic.weight.data.fill_(1.0)
        one_by_one.append(agent.update_critic(single)["critic_loss"])
    agent.critic.weight.data.fill_(1.0)
    together = agent.update_critic(batch)["critic_loss"]
    torch.testing.assert_close(together, torch.stack(one_by_one).mean())


def test_a_discriminator_step_sees_the_newest_canvases(
    agent: ModelBasedDDPG, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = transition(agent)
    seen: list[tuple[Tensor, ...]] = []
    real = agent.reward.loss
    monkeypatch.setattr(agent.reward, "loss", lambda *a: seen.append(a) or real(*a))
    figures = agent.update_discriminator(batch)
    canvas, target, generator = seen[0]
    assert torch.equal(canvas, batch.next_state.canvas)
    assert torch.equal(target, batch.state.target)
    assert generator is agent.generator
    assert set(figures) == {"discriminator_loss", "wasserstein", "gradient_penalty"}


def test_the_discount_is_per_stroke() -> None:
    renderer = AnalyticRenderer(Circle(), SIZE)
    for bundle in (1, 2, 5):
        agent = make_agent(environment=PaintingEnvironment(renderer, 10, bundle), discount=0.95)
        assert agent.discount == pytest.approx(0.95**bundle)


# ---- modes


def test_target_networks_stay_in_evaluation_mode(agent: ModelBasedDDPG) -> None:
    agent.train()
    assert agent.actor.training
    assert agent.critic.training
    assert agent.reward.discriminator.training
    frozen = [
        agent.target_actor,
        agent.target_critic,
        agent.reward.target_discriminator,
        agent.renderer,
    ]
    for network in frozen:
        assert not any(module.training for module in network.modules())
    agent.eval()
    assert not any(module.training for module in agent.modules())


def test_target_batch_statistics_is_a_switch() -> None:
    """As in the authors' code: the target actor on each batch's statistics."""
    agent = attached(make_agent(target_batch_statistics=True))
    assert all(module.training for module in agent.target_actor.modules())
    assert not agent.target_critic.training
    agent.eval()
    assert not agent.target_actor.training
    losses = []
    for switch in (False, True):
        agent = attached(make_agent(target_batch_statistics=switch))
        losses.append(agent.update_critic(transition(agent))["critic_loss"].item())
    assert losses[0] != losses[1]


def test_rollouts_use_averaged_statistics_and_change_none(agent: ModelBasedDDPG) -> None:
    with only_changes(agent):
        agent.rollout(torch.rand(2, 3, SIZE, SIZE))
    assert agent.actor.training


# ---- variations


def test_without_a_critic_each_bundle_works_for_its_own_reward() -> None:
    agent = attached(make_agent("l2", critic=ZeroCritic))
    before = agent.actor.head.weight.clone()
    figures = agent.update(transition(agent))
    assert set(figures) == {"actor_loss", "reward"}
    assert figures["actor_loss"] == -figures["reward"]
    assert not torch.equal(agent.actor.head.weight, before)


def test_a_reward_that_is_not_learned_has_no_optimizer() -> None:
    agent = attached(make_agent("l2"))
    assert len(agent.optimizers()) == 2
    assert set(agent.update(transition(agent))) == {
        "critic_loss",
        "value",
        "actor_loss",
        "reward",
    }


@pytest.mark.parametrize("reward", ["l2", "wgan_gp"])
def test_figures_are_detached_scalars(reward: str) -> None:
    agent = attached(make_agent(reward))
    for value in agent.update(transition(agent)).values():
        assert value.shape == ()
        assert not value.requires_grad


def test_the_actor_learns(agent: ModelBasedDDPG) -> None:
    """Forty updates on one batch raise r + V of the L2 reward."""
    agent = attached(make_agent("l2", critic=ZeroCritic, actor_scheduler=None))
    batch = transition(agent)
    rewards = [agent.update(batch)["reward"].item() for _ in range(40)]
    assert rewards[-1] > rewards[0] + 0.05
    stir(agent.actor)
    assert agent.environment.max_steps == STEPS
