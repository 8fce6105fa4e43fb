"""The critic of SARA: which two canvases it sees, in which loss."""

import pytest
import torch
from torch import Tensor, nn

from impasto.networks import Critic
from impasto.rl.environment import OBSERVATION_CHANNELS
from lightning_modules import Sara
from tests.lightning_modules.conftest import attached, make_agent_of
from tests.lightning_modules.examples import batch_of, transition


class Spy(nn.Module):
    """Keeps what it sees, and says 1 everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.seen: list[Tensor] = []

    def forward(self, observation: Tensor) -> Tensor:
        self.seen.append(observation.detach())
        return self.weight * observation.new_ones(len(observation))


@pytest.fixture
def agent() -> Sara:
    torch.manual_seed(0)
    made = attached(make_agent_of(Sara, "l2"))
    assert isinstance(made, Sara)
    assert isinstance(made.critic, Critic)
    assert made.critic.config()["in_channels"] == OBSERVATION_CHANNELS + 3
    return made


def test_the_critic_sees_a_state_and_the_canvas_before_it(agent: Sara) -> None:
    agent.critic, agent.target_critic = Spy(), Spy()
    batch = transition(agent)
    agent.target_value(batch.next_state)
    (seen,) = agent.target_critic.seen
    after = agent.environment.step(
        batch.next_state, agent.act(agent.target_actor, batch.next_state)
    )
    torch.testing.assert_close(seen[:, :9], agent.environment.observe(after))
    assert torch.equal(seen[:, 9:], batch.next_state.canvas)
    before = agent.value_after(agent.critic, batch.state, batch.next_state)
    (seen,) = agent.critic.seen
    assert torch.equal(seen[:, :9], agent.environment.observe(batch.next_state))
    assert torch.equal(seen[:, 9:], batch.state.canvas)
    assert torch.equal(before, (~agent.environment.done(batch.next_state)).float())


def test_a_finished_painting_has_no_value(agent: Sara) -> None:
    nn.init.ones_(agent.critic.head.bias)
    batch = batch_of([0, 1, 2])  # s_{t+1} is at 1, 2 and 3, of T = 3
    value = agent.value_after(agent.critic, batch.state, batch.next_state)
    assert value[:2].ne(0).all()
    assert value[2] == 0


def test_the_actors_gradient_reaches_the_canvas_before(agent: Sara) -> None:
    nn.init.normal_(agent.critic.head.weight)
    batch = transition(agent)
    canvas = batch.state.canvas.clone().requires_grad_()
    value = agent.value_after(agent.critic, batch.state._replace(canvas=canvas), batch.next_state)
    (slope,) = torch.autograd.grad(value.sum(), canvas)
    assert slope.abs().sum() > 0
