"""What holds for every agent: who changes, who is protected, and what exploration and replay do."""

import pytest
import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.networks import ZeroCritic
from impasto.renderers import AnalyticRenderer, NeuralRenderer
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.exploration import ActionNoise
from impasto.rl.replay import PrioritizedReplay
from impasto.strokes import Circle
from lightning_modules import DDPG, TD3, ModelBasedDDPG, OffPolicyAgent, PatchQ, Sara, ShortHorizon
from tests.lightning_modules.conftest import (
    BATCH,
    BUNDLE,
    SIZE,
    attached,
    make_agent_of,
    pictures,
)
from tests.lightning_modules.examples import PARTS, batch_of, only_changes, parameters, transition

AGENTS = [ModelBasedDDPG, TD3, DDPG, PatchQ, Sara, ShortHorizon]
every_agent = pytest.mark.parametrize("kind", AGENTS, ids=lambda kind: kind.__name__)


def through_a_network(
    kind: type[OffPolicyAgent], reward: str = "wgan_gp", **arguments: object
) -> OffPolicyAgent:
    """One that paints through a learned renderer, which has parameters to protect."""
    torch.manual_seed(1)
    world = PaintingEnvironment(NeuralRenderer(Circle(), SIZE, [16, 16], 8), 5, BUNDLE)
    agent = attached(make_agent_of(kind, reward, environment=world, **arguments))
    agent.update_count = 1  # TD3's actor is due at every second update
    return agent


@every_agent
def test_an_update_changes_all_that_learns_and_no_more(kind: type[OffPolicyAgent]) -> None:
    agent = through_a_network(kind)
    targets = {f"target_{name}" for name in agent.target_networks} | {"target_discriminator"}
    learns = {"actor", "critic", "discriminator"}
    with only_changes(agent, *learns, *targets):
        agent.update(transition(agent))
    for part in targets | {"renderer"}:
        assert parameters(agent, part)
        assert not any(p.requires_grad for p in parameters(agent, part)), part
        assert all(p.grad is None for p in parameters(agent, part)), part
    for part in learns:  # toggled back
        assert all(p.requires_grad for p in parameters(agent, part)), part
    assert PARTS.keys() - {"target_actor"} <= learns | targets | {"renderer"}


@every_agent
def test_the_critics_step_leaves_the_actor_and_the_other_way_round(
    kind: type[OffPolicyAgent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each loss steps its own network: with the other optimizers' rates at 0 only it moves."""
    for name, learner in (("critic", 0), ("actor", 1)):
        agent = through_a_network(kind, "l2")
        monkeypatch.setattr(agent, "update_target_networks", lambda: None)
        for number, optimizer in enumerate(agent.optimizers()):
            optimizer.param_groups[0]["lr"] = 1e-2 if number == learner else 0.0
        if name == "critic":
            agent.actor.eval()  # batch statistics would move
        with only_changes(agent, name):
            agent.update(transition(agent))


@every_agent
def test_figures_are_finite_detached_scalars(kind: type[OffPolicyAgent]) -> None:
    figures = through_a_network(kind).update(transition(through_a_network(kind)))
    assert {"critic_loss", "value", "actor_loss", "discriminator_loss"} <= set(figures)
    for value in figures.values():
        assert value.shape == ()
        assert not value.requires_grad
        assert value.isfinite()


@every_agent
def test_the_critics_errors_become_priorities(
    kind: type[OffPolicyAgent], monkeypatch: pytest.MonkeyPatch
) -> None:
    replay = PrioritizedReplay(6, alpha=1.0, epsilon=1e-3)
    agent = attached(make_agent_of(kind, "l2", replay=replay))
    assert replay.probabilities().unique().numel() == 1  # nothing is known yet
    seen: list[tuple[Tensor, Tensor]] = []
    real = replay.prioritize

    def spy(position: Tensor, error: Tensor) -> None:
        seen.append((position, error))
        real(position, error)

    monkeypatch.setattr(replay, "prioritize", spy)
    batch = transition(agent)
    loss = agent.update(batch)["critic_loss"]
    [(position, error)] = seen
    assert torch.equal(position, batch.position)
    assert error.shape == (6,)
    assert error.min() > 0
    chance = replay.probabilities()
    untouched = torch.tensor([n for n in range(len(replay)) if n not in position.tolist()])
    assert chance[untouched].unique().numel() == 1
    # Undrawn ones keep 1, the first priority of all.
    once = position.bincount()[position] == 1  # of one that was drawn twice, either error counts
    ratio = chance[position] / chance[untouched[0]]
    torch.testing.assert_close(ratio[once], error[once] + 1e-3)
    if kind is DDPG:  # one value per transition, and every one learned
        torch.testing.assert_close(loss, error.square().mean())


@pytest.mark.parametrize("kind", [ModelBasedDDPG, TD3])
def test_finished_paintings_get_the_mean_priority(
    kind: type[OffPolicyAgent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their value is 0 by construction: an error of 0 would hide the last bundle for good."""
    agent = attached(make_agent_of(kind, "l2"))
    seen: list[Tensor] = []
    monkeypatch.setattr(agent.replay, "prioritize", lambda _, error: seen.append(error))
    agent.update(batch_of([0, 1, 2, 2]))
    [error] = seen
    assert error[0] != error[1]
    torch.testing.assert_close(error[2:], error[:2].mean().expand(2))
    agent.update(batch_of([2, 2]))
    assert seen[1].tolist() == [0, 0]


@every_agent
def test_the_critics_loss_is_weighted(kind: type[OffPolicyAgent]) -> None:
    """It is linear in the weights, and a transition of weight 0 teaches the critic nothing."""

    def loss(weight: list[float]) -> Tensor:
        agent = attached(make_agent_of(kind, "l2"))
        batch = transition(agent)._replace(weight=torch.tensor(weight))
        return agent.update(batch)["critic_loss"]

    first, second = loss([1, 1, 1, 0, 0, 0]), loss([0, 0, 0, 1, 1, 1])
    assert first != second
    torch.testing.assert_close(loss([1.0] * 6), first + second)
    torch.testing.assert_close(loss([2, 2, 2, 0, 0, 0]), 2 * first)


@pytest.mark.parametrize("kind", [ModelBasedDDPG, TD3, ShortHorizon])
def test_prioritized_replay_needs_a_critic(kind: type[OffPolicyAgent]) -> None:
    one_step = PaintingEnvironment(AnalyticRenderer(Circle(), SIZE), 2, 2)
    with pytest.raises(UserError, match=r"`PrioritizedReplay`.*no critic"):
        make_agent_of(kind, replay=PrioritizedReplay(6), environment=one_step)
    with pytest.raises(UserError, match=r"`PrioritizedReplay`.*no critic"):
        make_agent_of(ModelBasedDDPG, replay=PrioritizedReplay(6), critic=ZeroCritic)
    make_agent_of(DDPG, replay=PrioritizedReplay(6), environment=one_step)


class Opaque(AnalyticRenderer):
    """Draws, but takes no gradient, like a paint program."""

    differentiable = False

    def forward(self, shape: Tensor) -> Tensor:
        assert not shape.requires_grad
        return super().forward(shape)


@every_agent
def test_a_renderer_without_a_gradient_is_for_agents_without_a_model(
    kind: type[OffPolicyAgent],
) -> None:
    world = PaintingEnvironment(Opaque(Circle(), SIZE), 4, 2)
    if kind in (DDPG, PatchQ):
        agent = attached(make_agent_of(kind, "l2", environment=world))
        agent.update(transition(agent))
    else:
        with pytest.raises(UserError, match=rf"`{kind.__name__}` .*`Opaque` .*gradient"):
            make_agent_of(kind, environment=world)


@pytest.mark.parametrize("kind", [ModelBasedDDPG, TD3, ShortHorizon])
def test_a_painting_of_one_bundle_has_no_critic(kind: type[OffPolicyAgent]) -> None:
    one_step = PaintingEnvironment(AnalyticRenderer(Circle(), SIZE), 2, 2)
    agent = attached(make_agent_of(kind, "l2", environment=one_step))
    agent.update_count = 1
    figures = agent.update(transition(agent))
    assert set(figures) == {"actor_loss", "reward"}
    torch.testing.assert_close(figures["actor_loss"], -figures["reward"])


@pytest.mark.parametrize("kind", [DDPG, PatchQ])
def test_without_a_model_even_one_bundle_has_a_critic(kind: type[OffPolicyAgent]) -> None:
    one_step = PaintingEnvironment(AnalyticRenderer(Circle(), SIZE), 2, 2)
    agent = attached(make_agent_of(kind, "l2", environment=one_step))
    assert set(agent.update(transition(agent))) == {"critic_loss", "value", "actor_loss"}


@every_agent
def test_rollouts_explore_and_paintings_do_not(kind: type[OffPolicyAgent]) -> None:
    agents = [
        attached(make_agent_of(kind, "l2", exploration=exploration))
        for exploration in (None, ActionNoise(0.1))
    ]
    plain, noisy = (agent.replay.tensors()["action"] for agent in agents)
    assert isinstance(plain, Tensor)
    assert isinstance(noisy, Tensor)
    assert float((noisy - plain)[:, 0].std()) == pytest.approx(0.1, rel=0.3)
    target = pictures(3, BATCH) / 255
    assert torch.equal(agents[0].policy.paint(target)[0], agents[1].policy.paint(target)[0])


@every_agent
def test_the_target_networks_are_those_that_are_named(kind: type[OffPolicyAgent]) -> None:
    agent = make_agent_of(kind)
    names = {name for name, _ in agent.named_children() if name.startswith("target_")}
    assert names == {f"target_{name}" for name in agent.target_networks}
    assert agent.target_networks == (("critic",) if kind is ShortHorizon else ("actor", "critic"))


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (TD3, {"actor_every": 0}),
        (TD3, {"target_noise": -1.0}),
        (TD3, {"noise_clip": -1.0}),
        (ShortHorizon, {"horizon": 0}),
        (ShortHorizon, {"td_lambda": 1.5}),
        (PatchQ, {"patches": 0}),
    ],
)
def test_wrong_arguments(kind: type[OffPolicyAgent], wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        make_agent_of(kind, **wrong)


@pytest.mark.parametrize("patches", [3, 32])
def test_patches_must_divide_the_canvas(patches: int) -> None:
    with pytest.raises(UserError, match=rf"`patches={patches}` doesn't divide `canvas_size=16`"):
        make_agent_of(PatchQ, patches=patches)


def test_values_that_would_broadcast_are_refused() -> None:
    agent = attached(make_agent_of(ModelBasedDDPG, "l2"))
    batch = transition(agent)
    with pytest.raises(ValueError, match="values"):
        agent.fit_critic(torch.rand(6, requires_grad=True), torch.rand(6, 1), batch)
