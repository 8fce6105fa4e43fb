"""The adversarial LSTM painter: its losses by hand, who learns when, and a run that stopped."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from impasto.canvas import to_float
from impasto.errors import UserError
from impasto.networks import LstmActor, ZeroCritic
from impasto.renderers import AnalyticRenderer
from impasto.rl.environment import PaintingEnvironment, State
from impasto.rl.exploration import ActionNoise
from impasto.rl.initial_states import ContinuedStart
from impasto.rl.replay import ReplayBuffer
from impasto.rl.rewards import L2Reward, Reward, WganGpReward
from impasto.strokes import Bezier, Circle
from lightning_modules import LstmAdversarial
from lightning_modules.base import Metrics
from tests.lightning_modules.agents.test_agents import Opaque
from tests.lightning_modules.conftest import (
    BATCH,
    BUNDLE,
    SIZE,
    MemoryData,
    make_agent_of,
    make_trainer,
    pictures,
    run,
)
from tests.lightning_modules.examples import Constant, only_changes, painted
from tests.lightning_modules.test_resume import MakeDigits, assert_equal, content, seed_everything

NETWORK: dict[str, Any] = {"features": 8, "units": 6, "blocks": [1, 1], "width": 4}


def make(reward: str | Reward = "wgan_gp", **arguments: Any) -> LstmAdversarial:
    settings: dict[str, Any] = {
        "actor": partial(LstmActor, bundle=BUNDLE, **NETWORK),
        "critic": ZeroCritic,
    }
    return make_agent_of(LstmAdversarial, reward, **settings | arguments)


def held(agent: LstmAdversarial) -> LstmAdversarial:
    """An agent whose optimizers a trainer holds, as in the middle of a run."""
    make_trainer(Path("."), limit_train_batches=0).fit(agent, MemoryData())
    agent.train()
    return agent


def start(agent: LstmAdversarial, seed: int = 1) -> State:
    return agent.environment.reset(to_float(pictures(seed, BATCH)))


class Brighter(nn.Module):
    """A discriminator of one weight: D(I, C) = weight * (mean C - 0.5 mean I)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, target: Tensor, canvas: Tensor) -> Tensor:
        return self.weight * (canvas.mean((1, 2, 3)) - 0.5 * target.mean((1, 2, 3)))


# ---- the losses


def test_both_losses_by_hand() -> None:
    """Five strokes in bundles of two, the surplus one unpainted; D before its own step."""
    agent = held(
        make(
            WganGpReward(Brighter(), gradient_penalty_weight=10.0, tau=1.0),
            actor=lambda channels, dim: Constant(torch.linspace(0.2, 0.8, dim)),
        )
    )
    state = start(agent)
    action = agent.actor.action
    canvas = torch.zeros_like(state.target)
    for strokes in (2, 2, 1):
        canvas = painted(canvas, action, strokes)
    gain = 2.0 * canvas.mean()  # D'(I, C_T) - D'(I, blank), whatever I is
    (slope,) = torch.autograd.grad(-gain, action)
    with only_changes(agent, "actor", "discriminator", "target_discriminator"):
        figures = agent.update(state)
    torch.testing.assert_close(figures["actor_loss"], -gain.detach(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(action.grad, slope, rtol=1e-3, atol=1e-6)
    # D: the slope by I is 2 * 0.5 / n, by x 2 / n, in each of n = 3 * 16 * 16 numbers.
    distance = 2.0 * (state.target.mean() - canvas.mean())
    number = 3 * SIZE * SIZE
    norm = ((2.0**2 + 1.0**2) / number) ** 0.5
    penalty = (norm - 1) ** 2
    torch.testing.assert_close(figures["wasserstein"], distance.detach(), rtol=1e-4, atol=1e-6)
    assert figures["gradient_penalty"].item() == pytest.approx(penalty, rel=1e-4)
    expected = 10 * penalty - distance.item()
    assert figures["discriminator_loss"].item() == pytest.approx(expected, rel=1e-4)


def test_without_a_discriminator_it_is_the_loss_of_the_whole_painting() -> None:
    agent = held(make(L2Reward(10.0)))
    state = start(agent)
    with torch.no_grad():
        canvas = agent.paint(state)[0].canvas
    before, after = (((c - state.target) ** 2).mean() for c in (state.canvas, canvas))
    figures = agent.update(state)
    assert set(figures) == {"actor_loss", "reward"}
    torch.testing.assert_close(figures["actor_loss"], 10 * (after - before))


def test_the_gradient_reaches_every_parameter_through_every_canvas() -> None:
    """Of bundles, the first is judged by what the later ones left of it."""
    agent = held(make(actor=partial(LstmActor, bundle=BUNDLE, layers=2, **NETWORK)))
    agent.update(start(agent))
    for name, parameter in agent.actor.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    assert all(p.grad is None for p in agent.reward.target_discriminator.parameters())


def test_painting_is_what_the_policy_paints() -> None:
    agent = make()
    agent.eval()
    state = start(agent)
    with torch.no_grad():
        finished, strokes = agent.paint(state)
    expected, canvas = agent.policy.paint(state.target)
    assert strokes.shape == (BATCH, 5, 7)
    assert torch.equal(strokes, expected)
    assert torch.equal(finished.canvas, canvas)
    assert agent.environment.done(finished).all()


# ---- who learns when


def test_the_actor_learns_at_every_so_many_updates() -> None:
    agent = held(make(actor_every=3))
    moved = []
    for number in range(6):
        agent.update_count = number
        before = agent.actor.head.weight.clone()
        judge = agent.reward.discriminator.layers[0].bias.clone()
        figures = agent.update(start(agent, number))
        moved.append(not torch.equal(before, agent.actor.head.weight))
        assert ("actor_loss" in figures) == moved[-1]
        assert not torch.equal(judge, agent.reward.discriminator.layers[0].bias)
    assert moved == [False, False, True, False, False, True]


def test_each_batch_gets_its_updates_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = MemoryData()
    agent = make(updates=7, updates_per_rollout=3)
    seen: list[Tensor] = []
    update = agent.update

    def watched(state: State, label: Tensor | None = None) -> Metrics:
        seen.append(state.target)
        return update(state, label)

    monkeypatch.setattr(agent, "update", watched)
    last = run(agent, tmp_path, data)
    wanted = [to_float(pictures(number, BATCH)) for number in (1, 1, 1, 2, 2, 2, 3)]
    assert all(torch.equal(a, b) for a, b in zip(seen, wanted, strict=True))
    assert data.stream.position == 3
    [own] = content(last)["impasto"]["ranks"]
    assert set(own["state"]) == {"rollout_count", "generator", "batch"}
    assert not list(tmp_path.glob("replay*"))


# ---- resume


def trained(folder: Path, digits: Callable[..., Any], stops: list[int], **more: Any) -> Any:
    """A run, stopped and resumed at some updates in a new process's objects; its checkpoint."""
    last = None
    for updates in stops:
        seed_everything(0)
        agent = make(updates=updates, updates_per_rollout=4, **more)
        last = run(agent, folder / str(updates), digits(), last)
        assert agent.update_count == updates
    assert last is not None
    return content(last)


@pytest.mark.parametrize("stops", [[4, 12], [6, 12], [3, 5, 12]], ids=["border", "middle", "twice"])
def test_n_and_n_is_2n(tmp_path: Path, digits: MakeDigits, stops: list[int]) -> None:
    """The batch whose updates a stop cut short is in the checkpoint, and only that one."""
    whole = trained(tmp_path / "whole", digits, [12], actor_every=2)
    parts = trained(tmp_path / "parts", digits, stops, actor_every=2)
    assert assert_equal(parts, whole) > 50
    assert len(whole["optimizer_states"]) == 2
    assert whole["impasto"]["ranks"][0]["state"]["batch"] == {}
    if stops[0] == 6:
        first = content(tmp_path / "parts" / "6" / "last.ckpt")
        assert set(first["impasto"]["ranks"][0]["state"]["batch"]) == {"target", "label"}


# ---- what makes no sense


def test_what_needs_rollouts_is_refused() -> None:
    for wrong in ({"exploration": ActionNoise(0.1)}, {"start": ContinuedStart()}):
        with pytest.raises(UserError, match="no rollouts"):
            make(**wrong)


def test_what_only_other_agents_have_is_left_alone_and_what_none_has_is_refused() -> None:
    make(replay=ReplayBuffer(6), tau=0.5, critic=ZeroCritic)
    with pytest.raises(TypeError, match="unexpected keyword argument 'foo'"):
        make(foo=3)


def test_a_renderer_without_a_gradient_is_refused() -> None:
    world = PaintingEnvironment(Opaque(Circle(), SIZE), 4, 2)
    with pytest.raises(UserError, match="`LstmAdversarial` learns through the renderer"):
        make(environment=world)


def test_any_renderer_and_stroke_with_a_gradient_will_do() -> None:
    world = PaintingEnvironment(AnalyticRenderer(Bezier(), SIZE), 3, 3)
    agent = held(make(environment=world, actor=partial(LstmActor, bundle=3, **NETWORK)))
    with only_changes(agent, "actor", "discriminator", "target_discriminator"):
        agent.update(start(agent))


# ---- levels


def circles_with_a_flag() -> Circle:
    """Circles whose opacity is all or nothing."""
    kind = Circle()
    kind.levels = (0, 0, 0, 2)
    kind.watched = lambda strokes: {"painted": strokes[..., 3].mean()}  # type: ignore[method-assign]
    return kind


def flagged(**arguments: Any) -> LstmAdversarial:
    environment = PaintingEnvironment(AnalyticRenderer(circles_with_a_flag(), SIZE), 5, BUNDLE)
    action = torch.full((BUNDLE * 7,), 0.3)
    return held(
        make(
            L2Reward(10.0),
            environment=environment,
            actor=lambda channels, dim: Constant(action),
            **arguments,
        )
    )


def test_without_chance_a_level_is_the_nearest_one() -> None:
    agent = flagged()
    _, strokes = agent.paint(start(agent))
    assert not strokes[..., 3].any()
    assert agent.update(start(agent))["painted"] == 0
    assert agent.actor.action.grad.unflatten(0, (-1, 7))[:, 3].abs().min() > 0


def test_with_chance_it_is_drawn_as_often_as_its_number_says() -> None:
    agent = flagged(gumbel=1.0)
    flags = torch.cat([agent.paint(start(agent))[1][..., 3].flatten() for _ in range(60)])
    assert flags.unique().tolist() == [0, 1]
    assert flags.mean().item() == pytest.approx(0.3, abs=0.05)
    agent.update(start(agent))
    assert agent.actor.action.grad.unflatten(0, (-1, 7))[:, 3].abs().min() > 0
    _, strokes = agent.paint(start(agent))
    by_policy, _ = agent.policy.paint(start(agent).target)
    assert strokes.shape == by_policy.shape
    assert not by_policy[..., 3].any()  # who has learned paints what is likelier


def test_levels_are_drawn_from_the_runs_own_random_numbers() -> None:
    once, again = (flagged(gumbel=1.0, seed=3) for _ in range(2))
    torch.rand(5)
    assert torch.equal(once.paint(start(once))[1], again.paint(start(again))[1])


def test_where_there_are_no_levels_none_can_be_drawn() -> None:
    with pytest.raises(UserError, match=r"`gumbel=1.0`: a circle stroke has no levels"):
        make(gumbel=1.0)
