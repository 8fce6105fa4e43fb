"""The loop: rollouts, exactly so many updates, divergence."""

import re
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from impasto.canvas import to_float
from impasto.errors import Diverged, Interrupted, UserError
from impasto.networks import Actor
from impasto.rendering import draw
from impasto.rl.initial_states import ContinuedStart
from impasto.rl.replay import ReplayBuffer, Transition
from impasto.rl.rewards import l2_distance
from lightning_modules import ModelBasedDDPG, UpdateModule
from lightning_modules.callbacks import Checkpoints, MetricsCsv
from lightning_modules.figures import Figures
from tests.lightning_modules.conftest import (
    BATCH,
    SIZE,
    STEPS,
    AfterUpdate,
    MemoryData,
    make_agent,
    make_trainer,
    pictures,
    run,
)


@pytest.mark.parametrize(
    ("updates", "group", "rollouts"),
    [(25, 10, 3), (20, 10, 2), (3, 10, 1), (5, 1, 5), (1, 1, 1)],
)
def test_exactly_so_many_updates(tmp_path: Path, updates: int, group: int, rollouts: int) -> None:
    agent = make_agent("l2", updates=updates, updates_per_rollout=group)
    numbers: list[int] = []
    data = MemoryData()
    note = AfterUpdate(lambda number, metrics: numbers.append(number))
    run(agent, tmp_path, data, callbacks=[note])
    assert numbers == list(range(1, updates + 1))
    assert agent.update_count == updates
    assert agent.finished
    assert agent.collector.rollout_count == rollouts
    assert data.stream.position == rollouts  # not one batch more was read


@pytest.mark.parametrize(("env_steps", "rollouts"), [(0, 0), (1, 1), (3, 1), (4, 2), (9, 3)])
def test_warm_up_rolls_out_without_updates(tmp_path: Path, env_steps: int, rollouts: int) -> None:
    """In environment steps of the whole batch: three to an episode."""
    agent = make_agent("l2", updates=2, updates_per_rollout=2, warmup_env_steps=env_steps)
    counts: list[int] = []
    note = AfterUpdate(lambda number, metrics: counts.append(agent.collector.rollout_count))
    run(agent, tmp_path, MemoryData(), callbacks=[note])
    assert counts == [rollouts + 1] * 2
    assert len(agent.replay) == min(6, BATCH * (rollouts + 1)) * STEPS


@pytest.mark.parametrize(("reward", "optimizers"), [("l2", 2), ("wgan_gp", 3)])
def test_each_update_steps_every_optimizer_once(
    tmp_path: Path, reward: str, optimizers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[object] = []
    real = torch.optim.Adam.step

    def spy(self: torch.optim.Adam, *args: object, **kwargs: object) -> object:
        steps.append(id(self))
        return real(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", spy)
    agent = make_agent(reward, updates=6)
    checkpoint = torch.load(run(agent, tmp_path, MemoryData()), weights_only=True)
    assert len(steps) == 6 * optimizers
    assert len(set(steps)) == optimizers
    assert checkpoint["global_step"] == 6
    assert checkpoint["impasto"]["update_count"] == 6
    adam = checkpoint["optimizer_states"]
    assert [state["state"][0]["step"].item() for state in adam] == [6] * optimizers
    assert [state["last_epoch"] for state in checkpoint["lr_schedulers"]] == [6, 6]


def test_a_rollout_is_kept_as_it_was_painted() -> None:
    agent = make_agent("l2", replay=ReplayBuffer(BATCH))
    target = pictures(1, BATCH) / 255
    agent.actor.eval()
    strokes, canvas = agent.policy.paint(target)
    agent.train()
    agent.rollout(target)
    assert len(agent.replay) == BATCH * STEPS
    held = agent.replay.tensors()
    action = held["action"].unflatten(2, (2, 7)).flatten(1, 2)[:, :5]
    torch.testing.assert_close(action, strokes)
    torch.testing.assert_close(held["canvas"][:, -1] / 255, canvas, atol=0.51 / 255, rtol=0)
    assert held["canvas"][:, 0].eq(0).all()
    assert torch.equal(held["target"], pictures(1, BATCH))


def test_updates_sample_with_the_agents_own_generator(tmp_path: Path) -> None:
    """Whatever else draws from the global one."""
    weights = []
    for disturbed in (False, True):
        agent = make_agent("wgan_gp", updates=6)
        disturb = AfterUpdate(lambda number, metrics: torch.rand(number))
        run(agent, tmp_path, MemoryData(), callbacks=[disturb] if disturbed else [])
        weights.append(torch.cat([p.flatten() for p in agent.actor.parameters()]))
    assert torch.equal(*weights)


def test_validation_measures_exact_l2_and_changes_nothing(tmp_path: Path) -> None:
    agent = make_agent("l2")
    before = {key: value.clone() for key, value in agent.state_dict().items()}
    random = torch.get_rng_state()
    data = MemoryData()
    measured = make_trainer(tmp_path).validate(agent, data, verbose=False)
    assert torch.equal(torch.get_rng_state(), random)
    for key, value in agent.state_dict().items():
        assert torch.equal(value, before[key])
    target = torch.cat([batch["target"] for batch in data.val_dataloader()]) / 255
    strokes, _ = agent.policy.paint(target)
    # Batches of three and of two: the mean over pictures, not over batches.
    exact = l2_distance(draw(agent.policy.stroke, strokes, SIZE, SIZE), target)
    assert measured == [{"val_l2": pytest.approx(exact.mean().item(), rel=1e-5)}]


@pytest.mark.parametrize(
    ("value", "what"),
    [(float("nan"), "is not finite"), (float("inf"), "is not finite"), (-2e6, "explodes")],
)
def test_a_loss_that_is_not_finite_or_explodes_ends_the_run(
    tmp_path: Path, value: float, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the last good checkpoint as it was."""
    agent = make_agent("l2", updates=20)
    real = ModelBasedDDPG.update_critic

    def diverge(self: ModelBasedDDPG, transition: Transition) -> dict[str, Tensor]:
        metrics = real(self, transition)
        if self.update_count == 9:
            metrics["critic_loss"] = torch.tensor(value)
        return metrics

    monkeypatch.setattr(ModelBasedDDPG, "update_critic", diverge)
    checkpoints = Checkpoints(tmp_path, every=4)
    with pytest.raises(
        Diverged, match=rf"{what} at update 10: critic_loss {re.escape(f'{value:g}')}"
    ):
        make_trainer(tmp_path, [checkpoints]).fit(agent, MemoryData())
    kept = torch.load(checkpoints.last, weights_only=True)
    assert kept["impasto"]["update_count"] == 8
    assert all(value.isfinite().all() for value in kept["state_dict"].values())
    names = sorted(path.name.partition("-")[0] for path in tmp_path.iterdir())
    assert names == ["last.ckpt", "previous.ckpt", "replay", "replay"]


class LateFigures(Figures):
    """Figures as on a device that computes behind the host."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.arrived = False


@pytest.mark.parametrize(
    ("every", "updates", "saved"),
    [(4, 20, 8), (5, 20, 5), (4, 10, 8)],
    ids=["one update later", "before it would be saved", "at the end"],
)
def test_what_is_seen_late_is_seen_before_anything_is_saved(
    tmp_path: Path, every: int, updates: int, saved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = make_agent("l2", updates=updates)

    def diverge(self: ModelBasedDDPG, transition: Transition) -> dict[str, Tensor]:
        return {"critic_loss": torch.tensor(2e6 if self.update_count == 9 else 1.0)}

    monkeypatch.setattr(ModelBasedDDPG, "update", diverge)
    monkeypatch.setattr("lightning_modules.base.Figures", LateFigures)
    csv = MetricsCsv(tmp_path / "metrics.csv", every=3)
    callbacks = [csv, Checkpoints(tmp_path, every=every)]
    with pytest.raises(Diverged, match=r"explodes at update 10: critic_loss 2e\+06 "):
        make_trainer(tmp_path, callbacks).fit(agent, MemoryData())
    assert agent.update_count <= 11
    kept = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert kept["impasto"]["update_count"] == saved
    assert [row["critic_loss"] for row in csv.rows] == [1.0] * 3


def test_a_request_stops_between_two_updates(tmp_path: Path) -> None:
    agent = make_agent("l2", updates=20)

    def ask(number: int, metrics: dict[str, Tensor]) -> None:
        if number == 6:
            agent.stop_requested = signal.SIGTERM

    with pytest.raises(Interrupted) as caught:
        run(agent, tmp_path, MemoryData(), callbacks=[AfterUpdate(ask)])
    assert agent.update_count == caught.value.updates == 6
    assert not agent.finished
    last = caught.value.checkpoint
    assert last is not None
    assert torch.load(last, weights_only=True)["impasto"]["update_count"] == 6


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"strokes": 4}, "strokes 5, this run has 4"),
        ({"bundle": 1}, "bundle 2, this run has 1"),
    ],
)
def test_a_checkpoint_of_another_geometry_is_refused(
    tmp_path: Path, change: dict[str, int], key: str
) -> None:
    last = run(make_agent("l2", updates=2), tmp_path, MemoryData())
    agent = make_agent("l2")
    for name, value in change.items():
        setattr(agent.environment, name, value)
    with pytest.raises(UserError, match=key):
        run(agent, tmp_path, MemoryData(), last)


def test_a_checkpoint_of_other_limits_is_refused(tmp_path: Path) -> None:
    last = run(make_agent("l2", updates=2), tmp_path, MemoryData())
    agent = make_agent("l2")
    agent.renderer.stroke = type(agent.renderer.stroke)(max_width=0.2)
    with pytest.raises(UserError, match=r"stroke\.max_width None, this run has 0\.2"):
        run(agent, tmp_path, MemoryData(), last)


def test_a_checkpoint_of_another_module_is_refused(tmp_path: Path) -> None:
    class Other(ModelBasedDDPG):
        pass

    last = run(make_agent("l2", updates=2), tmp_path, MemoryData())
    agent = make_agent("l2")
    agent.__class__ = Other
    with pytest.raises(UserError, match="agent ModelBasedDDPG, this run has Other"):
        run(agent, tmp_path, MemoryData(), last)
    with pytest.raises(UserError, match="not written by this project"):
        UpdateModule.on_load_checkpoint(agent, {"state_dict": {}})


def test_rollouts_begin_where_the_start_says() -> None:
    start = ContinuedStart(rounds=3)
    agent = make_agent("l2", start=start, seed=3)
    target = to_float(pictures(0, 6))
    agent.rollout(target)
    agent.actor.eval()
    expected = start(agent.policy, target, torch.Generator().manual_seed(3))
    held = agent.replay.tensors()
    for found, wanted in (
        (held["target"], expected.target),
        (held["canvas"][:, 0], expected.canvas),
    ):
        assert (to_float(found) - wanted).abs().max() <= 0.5 / 255 + 1e-6
    assert not torch.equal(to_float(held["target"]), target)  # some look closer
    assert agent.actor.training is False


def test_what_a_start_paints_is_not_compiled() -> None:
    """It paints another number of squares each time."""
    compiled = list[torch.fx.GraphModule]()

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
        compiled.append(graph)
        return graph.forward

    agent = make_agent("l2", start=ContinuedStart(rounds=3), seed=3)
    agent.actor.compile(backend=backend, dynamic=False)
    for seed in range(4):
        agent.rollout(to_float(pictures(seed, 6)))
    assert len(compiled) == 1


def test_larger_pictures_are_seen_at_the_size_of_the_canvas() -> None:
    agent = make_agent("l2")
    target = to_float(pictures(0, 6))
    agent.rollout(target.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
    held = to_float(agent.replay.tensors()["target"])
    assert (held - target).abs().max() <= 0.5 / 255 + 1e-6
    larger = pictures(0, 2).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    shown, painted = agent.pictures({"target": larger}, 2)
    assert shown.shape == painted.shape == target[:2].shape


def test_an_exported_actor_learns_on(tmp_path: Path) -> None:
    first = make_agent()
    assert not torch.equal(
        next(make_agent(seed=1).actor.parameters()), next(first.actor.parameters())
    )
    first.policy.save(tmp_path)
    second = make_agent(seed=1, weights=tmp_path)
    for actor in (second.actor, second.target_actor):
        for name, value in actor.state_dict().items():
            assert torch.equal(value, first.actor.state_dict()[name])
    with pytest.raises(UserError, match="has other layers — give the settings of `actor`"):
        make_agent(actor=partial(Actor, blocks=[1, 1], width=8), weights=tmp_path)
