"""A painter that learns strokes by hand first: its loss by hand, its phases, and a stop in each."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.networks import LstmActor
from impasto.renderers import AnalyticRenderer
from impasto.rl.demonstrations import Preconditioning
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.human_strokes import HumanStrokes
from impasto.strokes import Bezier, Line
from lightning_modules import LstmAdversarial
from tests.lightning_modules.agents.test_lstm_adversarial import NETWORK, held, make, start
from tests.lightning_modules.conftest import SIZE, AfterUpdate, MemoryData, make_trainer, run
from tests.lightning_modules.examples import Constant, only_changes
from tests.lightning_modules.test_resume import MakeDigits, assert_equal, content, seed_everything

CLASSES = [str(digit) for digit in range(10)]
DIGITS = HumanStrokes("digits").of(CLASSES, Bezier())


def world(bundle: int = 6, strokes: int = 6) -> PaintingEnvironment:
    return PaintingEnvironment(AnalyticRenderer(Bezier(), SIZE), strokes, bundle)


def shown(bundle: int = 6, **plan: Any) -> LstmAdversarial:
    """A painter of digits in six strokes that is shown examples."""
    settings: dict[str, Any] = {"updates": 100, "weight": 8.0, "factor": 0.5, "every": 10}
    return make(
        environment=world(bundle),
        actor=partial(LstmActor, bundle=bundle, **NETWORK),
        preconditioning=Preconditioning(**settings | plan),
    )


def ready(agent: LstmAdversarial, classes: list[str] = CLASSES) -> LstmAdversarial:
    held(agent)._examples = HumanStrokes("digits").of(classes, Bezier())
    return agent


class Labelled(MemoryData):
    """Random pictures of ten classes."""

    classes = CLASSES


# ---- the loss


@pytest.mark.parametrize("bundle", [6, 4])
def test_the_error_of_strokes_by_hand(bundle: int) -> None:
    """Also of several bundles, of which the last has surplus strokes."""
    agent = shown(bundle)
    dim = agent.environment.action_dim
    agent.actor = Constant(torch.linspace(0.1, 0.9, dim))
    painted = agent.actor.action.view(bundle, 13)
    whole = torch.cat([painted, painted])[:6]
    error = (whole - DIGITS[[3, 0, 3]]).square().flatten(1).mean(1)
    ready(agent)
    strokes = agent.paint(agent.environment.reset(torch.rand(3, 3, SIZE, SIZE)))[1]
    found = agent.stroke_error(strokes, torch.tensor([3, 0, 3]))
    torch.testing.assert_close(found, error.mean())
    unknown = agent.stroke_error(strokes, torch.tensor([3, -1, 3]))  # has no class
    torch.testing.assert_close(unknown, error[0])
    assert agent.stroke_error(strokes, torch.tensor([-1, -1, -1])) == 0


def test_in_the_first_phase_strokes_count_alone() -> None:
    agent = ready(shown())
    agent.update_count = 99
    state, label = start(agent), torch.tensor([1, 2, 3, 4])
    with torch.no_grad():
        error = agent.stroke_error(agent.paint(state)[1], label)
    with only_changes(agent, "actor"):  # the discriminator rests
        metrics = agent.update(state, label)
    assert set(metrics) == {"actor_loss", "stroke_error"}
    torch.testing.assert_close(metrics["actor_loss"], error)
    assert all(p.grad is None for p in agent.reward.parameters())


def test_then_they_count_beside_the_reward_with_the_weight_of_the_update() -> None:
    agent = ready(shown())
    agent.update_count = 111  # 8 / 2
    state, label = start(agent), torch.tensor([1, 2, 3, 4])
    with torch.no_grad():
        painted, strokes = agent.paint(state)
        error = agent.stroke_error(strokes, label)
        reward = agent.reward(state.canvas, painted.canvas, state.target).mean()
    with only_changes(agent, "actor", "discriminator", "target_discriminator"):
        metrics = agent.update(state, label)
    torch.testing.assert_close(metrics["actor_loss"], 4 * error - reward)
    torch.testing.assert_close(metrics["reward"], reward)
    torch.testing.assert_close(metrics["stroke_error"], error)


def test_a_weight_of_0_asks_for_no_class_any_more() -> None:
    agent = held(shown(weight=0.0))
    agent.update_count = 100
    assert "stroke_error" not in agent.update(start(agent))


def test_the_actor_learns_at_every_update_of_the_first_phase() -> None:
    agent = shown()
    agent.actor_every = 5
    ready(agent)
    metrics = agent.update(start(agent), torch.tensor([1, 2, 3, 4]))
    assert "actor_loss" in metrics


def test_it_learns_the_strokes(tmp_path: Path, digits: MakeDigits) -> None:
    """The painter's own network, on real digits and their classes."""
    errors: list[Tensor] = []
    agent = shown(updates=1000)
    agent.updates = 40
    note = AfterUpdate(lambda n, metrics: errors.append(metrics["stroke_error"]))
    run(agent, tmp_path, digits(), callbacks=[note])
    assert torch.stack(errors[-5:]).mean() < 0.6 * torch.stack(errors[:5]).mean()


# ---- resume


@pytest.mark.parametrize("stop", [2, 5], ids=["in the first phase", "in the second"])
def test_n_and_n_is_2n(tmp_path: Path, digits: MakeDigits, stop: int) -> None:
    """Each in the middle of a batch's updates, of which the classes are kept too."""

    def trained(name: str, stops: list[int]) -> dict[str, Any]:
        last = None
        for updates in stops:
            seed_everything(0)
            agent = shown(updates=3, every=2)
            agent.updates, agent.updates_per_rollout = updates, 4
            last = run(agent, tmp_path / name / str(updates), digits(), last)
        assert last is not None
        return content(last)

    assert assert_equal(trained("parts", [stop, 8]), trained("whole", [8])) > 50


# ---- what doesn't fit


def test_examples_of_other_strokes_are_refused() -> None:
    any_actor = partial(LstmActor, bundle=1, **NETWORK)
    with pytest.raises(UserError, match=r"0\.json has 6 strokes, and the painting has 5"):
        make(environment=world(5, 5), actor=any_actor, preconditioning=Preconditioning())
    lines = PaintingEnvironment(AnalyticRenderer(Line(), SIZE), 6, 6)
    with pytest.raises(UserError, match=r"0\.json has bezier strokes, and the painter paints line"):
        make(environment=lines, actor=any_actor, preconditioning=Preconditioning())


def test_data_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the data set has none — choose `Digits` or `Mnist`"):
        make_trainer(tmp_path).fit(shown(), MemoryData())


def test_a_class_without_an_example_is_refused(tmp_path: Path) -> None:
    data = Labelled()
    data.classes = ["0", "ten"]
    with pytest.raises(UserError, match="no example for class 'ten'"):
        make_trainer(tmp_path).fit(shown(), data)
