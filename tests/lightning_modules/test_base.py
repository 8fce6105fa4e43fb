"""What an update changes, in which order, and what it leaves alone."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto.renderers import NeuralRenderer
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.replay import Transition
from impasto.strokes import Circle
from lightning_modules import ModelBasedDDPG
from tests.lightning_modules.conftest import (
    BUNDLE,
    SIZE,
    AfterUpdate,
    MemoryData,
    attached,
    make_agent,
    run,
)
from tests.lightning_modules.examples import (
    PARTS,
    only_changes,
    parameters,
    transition,
)


@pytest.fixture
def neural_agent() -> ModelBasedDDPG:
    """One that paints through a learned renderer, which has parameters to protect."""
    torch.manual_seed(1)
    renderer = NeuralRenderer(Circle(), SIZE, [16, 16], 8)
    return attached(make_agent(environment=PaintingEnvironment(renderer, 5, BUNDLE)))


# ---- who changes


def test_update_critic_changes_only_the_critic(neural_agent: ModelBasedDDPG) -> None:
    with only_changes(neural_agent, "critic"):
        neural_agent.update_critic(transition(neural_agent))


def test_update_actor_changes_only_the_actor(neural_agent: ModelBasedDDPG) -> None:
    agent = neural_agent
    with only_changes(agent, "actor"):
        agent.update_actor(transition(agent))
    for part in PARTS.keys() - {"actor"}:
        assert parameters(agent, part)
        assert all(p.grad is None for p in parameters(agent, part)), part
    assert all(p.grad is not None for p in parameters(agent, "actor"))
    for part in ("actor", "critic", "discriminator"):  # toggled back
        assert all(p.requires_grad for p in parameters(agent, part))
    for part in ("target_actor", "target_critic", "target_discriminator", "renderer"):
        assert not any(p.requires_grad for p in parameters(agent, part))


def test_update_discriminator_changes_both_it_and_its_target(neural_agent: ModelBasedDDPG) -> None:
    with only_changes(neural_agent, "discriminator", "target_discriminator"):
        neural_agent.update_discriminator(transition(neural_agent))
    for part in PARTS.keys() - {"discriminator"}:
        assert all(p.grad is None for p in parameters(neural_agent, part)), part


def test_an_update_changes_all_but_the_renderer(neural_agent: ModelBasedDDPG) -> None:
    with only_changes(neural_agent, *(PARTS.keys() - {"renderer"})):
        neural_agent.update(transition(neural_agent))
    for part in ("target_actor", "target_critic", "target_discriminator", "renderer"):
        assert all(p.grad is None for p in parameters(neural_agent, part)), part


def test_gradients_of_one_update_do_not_reach_the_next(agent: ModelBasedDDPG) -> None:
    """Two updates on the same batch from the same state are the same."""
    batch = transition(agent)
    state = {key: value.clone() for key, value in agent.actor.state_dict().items()}
    for optimizer in agent.optimizers():
        optimizer.param_groups[0]["lr"] = 0.0
    agent.actor.eval()  # batch statistics would move
    agent.update_actor(batch)
    first = [p.grad.clone() for p in agent.actor.parameters()]
    agent.update_actor(batch)
    for gradient, parameter in zip(first, agent.actor.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
    for key, value in agent.actor.state_dict().items():
        assert torch.equal(value, state[key])


def test_order_is_critic_actor_discriminator(
    agent: ModelBasedDDPG, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def spied(name: str, real: Callable[[Transition], dict[str, Tensor]]) -> Callable[..., object]:
        def call(batch: Transition) -> dict[str, Tensor]:
            order.append(name)
            slow = [key for key, _ in agent.named_parameters() if key.startswith("target_")]
            before = {key: agent.state_dict()[key].clone() for key in slow}
            figures = real(batch)
            for key in slow:  # target networks follow at the very end
                assert torch.equal(agent.state_dict()[key], before[key])
            return figures

        return call

    for name in ("update_critic", "update_actor", "update_discriminator"):
        monkeypatch.setattr(agent, name, spied(name, getattr(agent, name)))
    agent.update(transition(agent))
    assert order == ["update_critic", "update_actor", "update_discriminator"]


def test_target_networks_follow_by_tau(agent: ModelBasedDDPG) -> None:
    slow = {key: value.clone() for key, value in agent.target_actor.state_dict().items()}
    slow_critic = {key: value.clone() for key, value in agent.target_critic.state_dict().items()}
    agent.update(transition(agent))
    pairs = [
        (agent.target_actor, agent.actor, slow),
        (agent.target_critic, agent.critic, slow_critic),
    ]
    for target, source, before in pairs:
        for key, value in target.state_dict().items():
            if value.is_floating_point():
                expected = 0.9 * before[key] + 0.1 * source.state_dict()[key]
                torch.testing.assert_close(value, expected)


def test_each_network_has_an_optimizer_and_a_schedule(agent: ModelBasedDDPG) -> None:
    critic, actor, discriminator = agent.optimizers()
    for optimizer, part in [(actor, "actor"), (critic, "critic"), (discriminator, "discriminator")]:
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        assert held == {id(p) for p in parameters(agent, part)}
    assert discriminator.param_groups[0]["betas"] == (0.5, 0.999)


def test_rates_follow_their_schedules(tmp_path: Path) -> None:
    agent = make_agent(updates=8)
    rates: list[list[float]] = []

    def note(update: int, metrics: object) -> None:
        every = (agent.optimizer_of(name) for name in ("actor", "critic", "reward"))
        rates.append([optimizer.param_groups[0]["lr"] for optimizer in every])

    run(agent, tmp_path, MemoryData(), callbacks=[AfterUpdate(note)])
    # Milestones at 3 and 7 updates; the discriminator has no schedule.
    assert rates == [[r, r, 1e-3] for r in [1e-2] * 2 + [5e-3] * 4 + [2.5e-3] * 2]
