"""Checkpoints of several processes, pretended in one."""

from pathlib import Path
from typing import Any

import pytest
import torch

from impasto.persistence.manifest import read_manifest
from tests.lightning_modules.conftest import make_agent, make_trainer
from tests.lightning_modules.test_checkpoints import train
from tests.lightning_modules.test_resume import assert_equal, content


def test_each_process_takes_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a second process would have gathered is put beside the first one's."""
    other: dict[str, Any] = {}

    def gather_two(value: Any) -> list[Any]:
        if isinstance(value, dict) and "state" in value:
            other.update(
                random=value["random"],
                data=value["data"],
                state={**value["state"], "rollout_count": 77},
            )
            return [value, other]
        return [value, value]

    with monkeypatch.context() as patch:
        patch.setattr("lightning_modules.base.gather", gather_two)
        patch.setattr("lightning_modules.callbacks.checkpoints.gather", gather_two)
        train(tmp_path, 4)
    last = tmp_path / "last.ckpt"
    assert len(content(last)["impasto"]["ranks"]) == 2
    assert len(read_manifest(last).replay or []) == 2
    for rank, rollouts in ((0, 1), (1, 77), (2, 1), (3, 77)):
        agent = make_agent("l2", updates=4)
        trainer = make_trainer(tmp_path, limit_train_batches=0)
        patches = {"world_size": 2, "global_rank": rank}
        with monkeypatch.context() as patch:
            for name, value in patches.items():
                patch.setattr(type(trainer), name, property(lambda self, value=value: value))
            checkpoint = trainer.strategy.load_checkpoint(last)
            vars(agent)["_trainer"] = trainer
            agent.on_load_checkpoint(checkpoint)
            assert agent._restored is not None
            assert agent._own_of(agent._restored["ranks"])["state"]["rollout_count"] == rollouts


def test_another_number_of_processes_draws_anew_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def twice(value: Any) -> list[Any]:
        return [value, value]

    with monkeypatch.context() as patch:
        patch.setattr("lightning_modules.base.gather", twice)
        patch.setattr("lightning_modules.callbacks.checkpoints.gather", twice)
        train(tmp_path / "two", 4)
    source = tmp_path / "two" / "last.ckpt"
    caplog.clear()
    for name in ("one", "again"):
        train(tmp_path / name, 8, source)
    one, again = (content(tmp_path / name / "last.ckpt") for name in ("one", "again"))
    assert "saved by 2 process(es), going on in 1" in caplog.text
    assert_equal(again, one)  # anew, but by the seed
    [state] = [rank["state"]["generator"] for rank in one["impasto"]["ranks"]]
    train(tmp_path / "whole", 8)
    whole = content(tmp_path / "whole" / "last.ckpt")
    assert not torch.equal(state, whole["impasto"]["ranks"][0]["state"]["generator"])
