"""The short-horizon agent: its gain, its returns and its gradients, worked out by hand."""

import pytest
import torch
from torch import Tensor

from impasto.renderers import AnalyticRenderer
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.rewards import l2_distance
from impasto.strokes import Circle
from lightning_modules import ModelBasedDDPG, ShortHorizon
from lightning_modules.agents.short_horizon import Unrolled
from tests.lightning_modules.conftest import BUNDLE, SIZE
from tests.lightning_modules.examples import batch_of, painted, simple_agent

DISCOUNT = 0.9**BUNDLE
# Ten strokes, two at a time: the last bundle is whole.
WORLD = PaintingEnvironment(AnalyticRenderer(Circle(), SIZE), 10, BUNDLE)


def gained(before: Tensor, after: Tensor, target: Tensor) -> Tensor:
    return 10 * (l2_distance(before, target) - l2_distance(after, target))


def test_the_gain_and_its_gradient_by_hand() -> None:
    """Three bundles through the canvas, then 0.7 times its mean; differentiated by autograd."""
    agent = simple_agent(ShortHorizon, horizon=3, environment=WORLD)
    agent.critic.weight.data.fill_(0.7)
    batch = batch_of([0, 1])
    gains = []
    for canvas, target in zip(
        batch.state.canvas[:, None], batch.state.target[:, None], strict=True
    ):
        gain = torch.zeros(1)
        for i in range(3):
            after = painted(canvas, agent.actor.action)
            gain = gain + DISCOUNT**i * gained(canvas, after, target)
            canvas = after
        gains.append(gain + DISCOUNT**2 * 0.7 * canvas.mean())
    expected = torch.cat(gains).mean()
    (slope,) = torch.autograd.grad(-expected, agent.actor.action)
    figures = agent.update_actor(agent.unroll(batch.state))
    assert figures["actor_loss"].item() == pytest.approx(-expected.item(), rel=1e-4)
    torch.testing.assert_close(agent.actor.action.grad, slope, rtol=1e-3, atol=1e-5)


def test_nothing_is_gained_after_the_end() -> None:
    """At step 3 of 5 only two bundles are left, and no value; at step 5 nothing."""
    agent = simple_agent(ShortHorizon, horizon=4, environment=WORLD)
    batch = batch_of([3, 5])
    unrolled = agent.unroll(batch.state)
    assert (unrolled.reward != 0).tolist() == [[True, True, False, False], [False] * 4]
    with torch.no_grad():
        gain = (unrolled.reward[0] * DISCOUNT ** torch.arange(4)).sum()
    agent.critic.weight.data.fill_(100.0)
    loss = agent.update_actor(unrolled)["actor_loss"]
    assert loss.item() == pytest.approx(-gain.item() / 2, rel=1e-4)


def unrolled_example(agent: ShortHorizon, steps: list[int], reward: Tensor) -> Unrolled:
    """States whose canvases are of one level each: 0.1, 0.2, 0.3 and 0.4."""
    first = batch_of(steps).state
    states = [
        first._replace(canvas=torch.full_like(first.canvas, 0.1 * (i + 1)), step=first.step + i)
        for i in range(4)
    ]
    return Unrolled(states, reward)


@pytest.mark.parametrize("td_lambda", [0.0, 0.6, 1.0])
def test_returns_are_the_mean_of_all_lengths(td_lambda: float) -> None:
    """Against Xu et al., Eq. 6: (1 - l) sum of l^(k-1) G^k over k < h, plus l^(h-1) G^h."""
    agent = simple_agent(ShortHorizon, horizon=3, td_lambda=td_lambda, environment=WORLD)
    agent.target_critic.weight.data.fill_(2.0)
    reward = torch.tensor([[1.0, 3.0, -2.0]])
    found = agent.returns(unrolled_example(agent, [0], reward))
    values = [0.2, 0.4, 0.6, 0.8]  # V' of the four states

    def return_of_length(i: int, k: int) -> float:
        rewards = sum(DISCOUNT ** (j + 1) * reward[0, i + j].item() for j in range(k))
        return rewards + DISCOUNT**k * values[i + k]

    for i in range(3):
        longest = 3 - i
        wanted = td_lambda ** (longest - 1) * return_of_length(i, longest)
        for k in range(1, longest):
            wanted += (1 - td_lambda) * td_lambda ** (k - 1) * return_of_length(i, k)
        assert found[0, i].item() == pytest.approx(wanted, rel=1e-5)


def test_returns_end_with_the_episode() -> None:
    agent = simple_agent(ShortHorizon, horizon=3, td_lambda=0.5, environment=WORLD)
    agent.target_critic.weight.data.fill_(2.0)
    reward = torch.tensor([[1.0, 3.0, 0.0]])
    found = agent.returns(unrolled_example(agent, [3], reward))[0]
    assert found[2] == 0  # at step 5 of 5
    assert found[1].item() == pytest.approx(DISCOUNT * 3.0)
    wanted = DISCOUNT * (1.0 + 0.5 * 0.4 + 0.5 * DISCOUNT * 3.0)
    assert found[0].item() == pytest.approx(wanted)


def test_the_critic_learns_every_state_of_the_horizon() -> None:
    agent = simple_agent(ShortHorizon, horizon=3, td_lambda=0.5, environment=WORLD)
    agent.critic.weight.data.fill_(1.0)
    unrolled = unrolled_example(agent, [0, 2], torch.tensor([[1.0, 3.0, -2.0], [0.5, 0.0, 1.0]]))
    returns = agent.returns(unrolled)
    error = torch.tensor([0.1, 0.2, 0.3]) - returns
    figures = agent.update_critic(unrolled, batch_of([0, 2]))
    assert figures["critic_loss"].item() == pytest.approx(error.square().mean().item(), rel=1e-4)
    assert figures["value"].item() == pytest.approx(returns.mean().item(), rel=1e-4)
    slope = (2 * error * torch.tensor([0.1, 0.2, 0.3])).mean()
    assert agent.critic.weight.grad.item() == pytest.approx(slope.item(), rel=1e-3)


def test_a_horizon_of_1_climbs_as_model_based_ddpg() -> None:
    batch = batch_of([0, 3, 4])
    short = simple_agent(ShortHorizon, horizon=1, environment=WORLD)
    long = simple_agent(ModelBasedDDPG, environment=WORLD)
    with torch.no_grad():
        long.actor.action.copy_(short.actor.action)
    figures = short.update_actor(short.unroll(batch.state)), long.update_actor(batch)
    for key in ("actor_loss", "reward"):
        torch.testing.assert_close(figures[0][key], figures[1][key])
    torch.testing.assert_close(short.actor.action.grad, long.actor.action.grad)
