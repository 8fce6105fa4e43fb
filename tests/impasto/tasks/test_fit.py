"""What a signal or a divergence leaves behind."""

import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.profilers import Profiler

from impasto.errors import Diverged, Interrupted, UserError
from impasto.launch.outcome import outcome_of
from impasto.tasks.fit import fit
from lightning_modules import UpdateModule
from lightning_modules.callbacks import Checkpoints, GracefulStop
from tests.lightning_modules.conftest import AfterUpdate, MemoryData, make_agent, make_trainer
from tests.lightning_modules.test_resume import assert_equal, content


def test_all_updates_are_made(tmp_path: Path) -> None:
    agent = make_agent("l2", updates=5)
    trainer = make_trainer(tmp_path, [Checkpoints(tmp_path), GracefulStop()])
    assert fit(agent, trainer, MemoryData()) == "finished"
    assert agent.finished


@pytest.mark.usefixtures("hangup")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_names_its_checkpoint(tmp_path: Path, number: signal.Signals) -> None:
    agent = make_agent("l2", updates=50)
    send = AfterUpdate(lambda n, figures: n == 6 and os.kill(os.getpid(), number))
    trainer = make_trainer(tmp_path, [send, Checkpoints(tmp_path), GracefulStop()])
    with pytest.raises(Interrupted) as caught:
        fit(agent, trainer, MemoryData())
    assert caught.value.signal_number == number
    assert caught.value.checkpoint == tmp_path / "last.ckpt"
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert saved["impasto"]["update_count"] == 6


def test_a_signal_at_the_last_update_finishes_the_run(tmp_path: Path) -> None:
    agent = make_agent("l2", updates=6)
    send = AfterUpdate(lambda n, figures: n == 6 and os.kill(os.getpid(), signal.SIGTERM))
    trainer = make_trainer(tmp_path, [send, Checkpoints(tmp_path), GracefulStop()])
    assert fit(agent, trainer, MemoryData()) == "finished"
    assert agent.finished


class Ender(pl.Callback):
    """Does something at the end of the second batch."""

    def __init__(self, action: Callable[[pl.Trainer], object]) -> None:
        self.action = action

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        if batch_idx == 1:
            self.action(trainer)


def raise_(error: BaseException) -> None:
    raise error


def saved_at(folder: Path) -> int:
    saved = torch.load(folder / "last.ckpt", weights_only=True)
    count: int = saved["impasto"]["update_count"]
    return count


@pytest.mark.parametrize("early", [False, True], ids=["callback", "EarlyStopping"])
def test_a_callback_stops_the_run_after_a_validation(
    tmp_path: Path, early: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """EarlyStopping at the first of a metric that can't be lower, one validation later."""
    agent = make_agent("l2", updates=50)
    ender: pl.Callback = Ender(lambda trainer: setattr(trainer, "should_stop", True))
    if early:
        ender = EarlyStopping("val_l2", min_delta=1e9, patience=1)
    best = Checkpoints(tmp_path, monitor="val_l2")
    callbacks = [best, GracefulStop(), ender]
    trainer = make_trainer(tmp_path, callbacks, val_check_interval=6 if early else 1000)
    assert fit(agent, trainer, MemoryData()) == "stopped"
    assert agent.update_count == saved_at(tmp_path) == (12 if early else 2)
    assert best.best.exists()
    assert f"stopped by a callback after {agent.update_count} of 50" in capsys.readouterr().err


class Broken(Profiler):
    """Breaks in the second training step."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error, self.steps = error, 0

    def start(self, action_name: str) -> None:
        self.steps += action_name.endswith("on_train_batch_end")
        if self.steps == 2:
            raise self.error

    def stop(self, action_name: str) -> None:
        """Nothing was begun."""


@pytest.mark.parametrize("error", [ValueError("a bug"), StopIteration("a bug")])
@pytest.mark.parametrize("where", ["callback", "profiler"])
def test_an_exception_in_what_watches_ends_the_run(
    tmp_path: Path, where: str, error: Exception
) -> None:
    """A StopIteration, too, which Lightning's loop takes for the end of the data."""
    callbacks: list[pl.Callback] = [Checkpoints(tmp_path), GracefulStop()]
    profiler = Broken(error) if where == "profiler" else None
    if profiler is None:
        callbacks.append(Ender(lambda trainer: raise_(error)))
    agent = make_agent("l2", updates=50)
    trainer = make_trainer(tmp_path, callbacks, profiler=profiler)
    with pytest.raises((ValueError, RuntimeError)) as caught:
        fit(agent, trainer, MemoryData())
    assert not agent.finished
    assert outcome_of(caught.value).status == "failed"


class Clock:
    """A clock by which every update takes a second."""

    def __init__(self, agent: UpdateModule) -> None:
        self.agent = agent

    def monotonic(self) -> float:
        return 100.0 + self.agent.update_count


@pytest.mark.parametrize(
    ("options", "made"),
    [
        ({"max_steps": 3}, 3),
        ({"limit_train_batches": 3}, 3),
        ({"max_time": "00:00:00:03"}, 3),
        ({"max_time": "00:00:00:03", "val_check_interval": 3}, 3),
        ({"max_epochs": 0}, 0),
        ({"limit_train_batches": 0}, 0),
    ],
    ids=lambda value: str(value),
)
def test_an_end_that_the_trainer_was_given_interrupts_the_run(
    tmp_path: Path, options: dict[str, Any], made: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is saved, and ends as if it had not been, once the end is taken away."""
    agent = make_agent("l2", updates=10)
    monkeypatch.setattr("pytorch_lightning.callbacks.timer.time", Clock(agent))
    trainer = make_trainer(tmp_path, [Checkpoints(tmp_path), GracefulStop()], **options)
    with pytest.raises(Interrupted) as caught:
        fit(agent, trainer, MemoryData())
    assert (caught.value.signal_number, caught.value.updates) == (signal.SIGINT, made)
    assert agent.update_count == made
    monkeypatch.undo()
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    if not made:
        assert caught.value.checkpoint is None
        return
    assert caught.value.checkpoint == tmp_path / "last.ckpt"
    assert saved_at(tmp_path) == made
    found = []
    for name, source in (("on", tmp_path / "last.ckpt"), ("whole", None)):
        trainer = make_trainer(tmp_path, [Checkpoints(tmp_path / name), GracefulStop()])
        assert fit(make_agent("l2", updates=10), trainer, MemoryData(), source) == "finished"
        found.append(content(tmp_path / name / "last.ckpt"))
    assert assert_equal(*found) > 50


def test_so_many_batches_are_those_of_one_life_of_the_run(tmp_path: Path) -> None:
    made = []
    for life in range(4):
        agent = make_agent("l2", updates=10)
        callbacks = [Checkpoints(tmp_path), GracefulStop()]
        trainer = make_trainer(tmp_path, callbacks, limit_train_batches=4)
        with pytest.raises(Interrupted) if life < 2 else nullcontext():
            fit(agent, trainer, MemoryData(), tmp_path / "last.ckpt" if life else None)
        made.append(agent.update_count)
    assert made == [4, 8, 10, 10]


def test_a_tried_run_makes_an_update_and_writes_nothing(tmp_path: Path) -> None:
    callbacks = [Checkpoints(tmp_path, monitor="val_l2"), GracefulStop()]
    agent = make_agent("l2", updates=50)
    trainer = make_trainer(tmp_path, callbacks, fast_dev_run=True)
    assert fit(agent, trainer, MemoryData()) == "tried"
    assert agent.update_count == 1
    assert "val_l2" in trainer.callback_metrics
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [{"min_steps": 50}, {"min_epochs": 5}])
def test_a_least_length_does_not_lengthen_a_run(tmp_path: Path, options: dict[str, Any]) -> None:
    agent = make_agent("l2", updates=6)
    trainer = make_trainer(tmp_path, [Checkpoints(tmp_path), GracefulStop()], **options)
    assert fit(agent, trainer, MemoryData()) == "finished"
    assert agent.update_count == saved_at(tmp_path) == 6


def test_the_same_targets_again_and_again(tmp_path: Path) -> None:
    agent, data = make_agent("l2", updates=10, updates_per_rollout=1), MemoryData()
    options = {"overfit_batches": 2, "max_epochs": -1}
    trainer = make_trainer(tmp_path, [Checkpoints(tmp_path), GracefulStop()], **options)
    assert fit(agent, trainer, data) == "finished"
    assert agent.update_count == saved_at(tmp_path) == 10
    assert agent.collector.rollout_count == 10
    assert data.stream.position == 2


@pytest.mark.parametrize("every", [4, 100])
def test_a_divergence_names_the_last_good_checkpoint_if_there_is_one(
    tmp_path: Path, every: int
) -> None:
    agent = make_agent("l2", updates=50)

    def spoil(number: int, figures: object) -> None:
        if number == 9:
            with torch.no_grad():
                agent.actor.head.weight.fill_(float("nan"))

    callbacks = [AfterUpdate(spoil), Checkpoints(tmp_path, every), GracefulStop()]
    trainer = make_trainer(tmp_path, callbacks)
    with pytest.raises(Diverged, match="not finite at update 10") as caught:
        fit(agent, trainer, MemoryData())
    last = tmp_path / "last.ckpt"
    rates = ["`critic_optimizer.lr`", "`actor_optimizer.lr`"]
    advice = f"lower {' or '.join(rates)}"
    if every == 4:
        advice += f", and go on by resume={last} may_change=[{','.join(rates)}]"
    assert caught.value.todo == advice
    assert last.exists() == (every == 4)


def test_a_trainer_without_the_callback_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none is a Checkpoints"):
        fit(make_agent("l2"), make_trainer(tmp_path, [GracefulStop()]), MemoryData())
