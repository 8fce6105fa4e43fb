"""Batches, networks and agents whose losses can be worked out by hand."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from impasto.rl.environment import State
from impasto.rl.replay import Transition
from impasto.rl.rewards import L2Reward
from impasto.strokes import Circle
from lightning_modules import ModelBasedDDPG, OffPolicyAgent
from tests.lightning_modules.conftest import BUNDLE, SIZE, Agent, attached, make_agent_of

PARTS = {
    "actor": "actor.",
    "critic": "critic.",
    "discriminator": "reward.discriminator.",
    "target_actor": "target_actor.",
    "target_critic": "target_critic.",
    "target_discriminator": "reward.target_discriminator.",
    "renderer": "renderer.",
}


@contextmanager
def only_changes(agent: OffPolicyAgent, *parts: str) -> Iterator[None]:
    """Assert that in the block every one of these parts changes, and nothing else does."""
    before = {key: value.clone() for key, value in agent.state_dict().items()}
    yield
    changed = {
        part
        for part, prefix in PARTS.items()
        for key, value in agent.state_dict().items()
        if key.startswith(prefix) and not torch.equal(value, before[key])
    }
    assert changed == set(parts)


def transition(agent: OffPolicyAgent, count: int = 6) -> Transition:
    return agent.replay.sample(count, torch.Generator().manual_seed(0))


def parameters(agent: OffPolicyAgent, part: str) -> list[nn.Parameter]:
    return [p for name, p in agent.named_parameters() if name.startswith(PARTS[part])]


def batch_of(step: list[int]) -> Transition:
    count = len(step)
    generator = torch.Generator().manual_seed(2)
    canvas, following, target = (
        torch.rand(count, 3, SIZE, SIZE, generator=generator) for _ in range(3)
    )
    at = torch.tensor(step)
    action = torch.rand(count, BUNDLE * 7, generator=generator)
    following_state = State(following, target, at + 1)
    index, weight = torch.arange(count), torch.ones(count)
    return Transition(State(canvas, target, at), action, following_state, index, weight)


class Constant(nn.Module):
    """An actor that does the same everywhere."""

    def __init__(self, action: Tensor) -> None:
        super().__init__()
        self.action = nn.Parameter(action)

    def forward(self, observation: Tensor) -> Tensor:
        return self.action.expand(len(observation), -1)


class MeanValue(nn.Module):
    """A critic whose value can be worked out by hand: weight * mean of the canvas."""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, observation: Tensor) -> Tensor:
        return self.weight * observation[:, 0:3].mean((1, 2, 3))


def simple_agent(kind: type[Agent] = ModelBasedDDPG, **arguments: object) -> Agent:
    """L2 reward, constant actors and a critic of one weight."""
    torch.manual_seed(0)
    settings = {
        "actor": lambda channels, dim: Constant(torch.rand(dim)),
        "critic": lambda channels: MeanValue(),
        "discount": 0.9,
    }
    return attached(make_agent_of(kind, L2Reward(10.0), **settings | arguments))


def painted(canvas: Tensor, action: Tensor, strokes: int = BUNDLE) -> Tensor:
    """The canvas after the first so many strokes of an action, by the formula."""
    for stroke in action.view(-1, 7)[:strokes]:
        alpha = Circle().rasterize(stroke[None, :4], SIZE, SIZE)
        canvas = canvas * (1 - alpha) + alpha * stroke[4:].view(3, 1, 1)
    return canvas
