"""What a signal or a divergence leaves behind."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.profilers import Profiler

from impasto.errors import Diverged, Interrupted, UserError
from impasto.launch.outcome import outcome_of
from impasto.tasks.fit import fit
from lightning_modules.callbacks import Checkpoints, GracefulStop
from tests.lightning_modules.conftest import MemoryData, make_agent, make_trainer


def test_all_updates_are_made(tmp_path: Path) -> None:
    agent = make_agent("l2", updates=5)
    fit(agent, make_trainer(tmp_path, [Checkpoints(tmp_path), GracefulStop()]), MemoryData())
    assert agent.finished


@pytest.mark.usefixtures("hangup")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_names_its_checkpoint(tmp_path: Path, number: signal.Signals) -> None:
    agent = make_agent("l2", updates=50)
    agent.update_hooks.append(lambda n, figures: n == 6 and os.kill(os.getpid(), number))
    trainer = make_trainer(tmp_path, [Checkpoints(tmp_path), GracefulStop()])
    with pytest.raises(Interrupted) as caught:
        fit(agent, trainer, MemoryData())
    assert caught.value.signal_number == number
    assert caught.value.checkpoint == tmp_path / "last.ckpt"
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert saved["impasto"]["update_count"] == 6


def test_a_signal_at_the_last_update_finishes_the_run(tmp_path: Path) -> None:
    agent = make_agent("l2", updates=6)
    agent.update_hooks.append(lambda n, figures: n == 6 and os.kill(os.getpid(), signal.SIGTERM))
    fit(agent, make_trainer(tmp_path, [Checkpoints(tmp_path), GracefulStop()]), MemoryData())
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


def test_a_callback_that_stops_the_trainer_interrupts_the_run(tmp_path: Path) -> None:
    ender = Ender(lambda trainer: setattr(trainer, "should_stop", True))
    agent = make_agent("l2", updates=50)
    trainer = make_trainer(tmp_path, [Checkpoints(tmp_path), GracefulStop(), ender])
    with pytest.raises(Interrupted) as caught:
        fit(agent, trainer, MemoryData())
    made = agent.update_count
    assert 0 < made < 50
    assert (caught.value.signal_number, caught.value.updates) == (signal.SIGINT, made)
    assert caught.value.checkpoint == tmp_path / "last.ckpt"
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert saved["impasto"]["update_count"] == made


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


@pytest.mark.parametrize("options", [{"max_steps": 2}, {"fast_dev_run": 1}, {"max_epochs": 0}])
def test_a_run_cut_short_is_no_finished_one(tmp_path: Path, options: dict[str, Any]) -> None:
    """The command line refuses these keys; whoever builds a trainer of his own may give them."""
    trainer = make_trainer(tmp_path, [Checkpoints(tmp_path), GracefulStop()], **options)
    with pytest.raises(RuntimeError, match="of 50 updates"):
        fit(make_agent("l2", updates=50), trainer, MemoryData())


@pytest.mark.parametrize("every", [4, 100])
def test_a_divergence_names_the_last_good_checkpoint_if_there_is_one(
    tmp_path: Path, every: int
) -> None:
    agent = make_agent("l2", updates=50)

    def spoil(number: int, figures: object) -> None:
        if number == 9:
            with torch.no_grad():
                agent.actor.head.weight.fill_(float("nan"))

    agent.update_hooks.append(spoil)
    trainer = make_trainer(tmp_path, [Checkpoints(tmp_path, every), GracefulStop()])
    with pytest.raises(Diverged, match="not finite at update 10") as caught:
        fit(agent, trainer, MemoryData())
    last = tmp_path / "last.ckpt"
    rates = ["`critic_optimizer.lr`", "`actor_optimizer.lr`"]
    advice = f"lower {' or '.join(rates)}"
    if every == 4:
        advice += f", and go on by resume={last} may_change=[{','.join(rates)}]"
    assert caught.value.todo == advice
    assert last.exists() == (every == 4)


def test_a_trainer_without_the_callbacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none is a GracefulStop"):
        fit(make_agent("l2"), make_trainer(tmp_path, [Checkpoints(tmp_path)]), MemoryData())
