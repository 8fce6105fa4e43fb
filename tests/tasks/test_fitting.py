"""What a signal or a divergence leaves behind."""

import os
import signal
from pathlib import Path

import pytest
import torch

from lightning_modules.callbacks import Checkpoints, GracefulStop
from painting.errors import Diverged, Interrupted, UserError
from tasks.fitting import fit
from tests.lightning_modules.conftest import MemoryData, make_agent, make_trainer


def test_all_updates_are_made(tmp_path: Path) -> None:
    agent = make_agent("l2", updates=5)
    fit(agent, make_trainer(tmp_path, [Checkpoints(tmp_path), GracefulStop()]), MemoryData())
    assert agent.finished


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
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
    rates = ["agent.critic_optimizer.lr", "agent.actor_optimizer.lr"]
    advice = f"lower {' or '.join(rates)}"
    if every == 4:
        advice += f", and go on by resume={last} may_change=[{','.join(rates)}]"
    assert caught.value.todo == advice
    assert last.exists() == (every == 4)


def test_a_trainer_without_the_callbacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none is a GracefulStop"):
        fit(make_agent("l2"), make_trainer(tmp_path, [Checkpoints(tmp_path)]), MemoryData())
