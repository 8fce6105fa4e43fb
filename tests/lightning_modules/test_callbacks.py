"""What callbacks write, and when they stop a run."""

import csv
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto.errors import Interrupted
from impasto.io.images import read_image
from lightning_modules.callbacks import Checkpoints, GracefulStop, MetricsCsv, Pictures
from tests.lightning_modules.conftest import (
    SIZE,
    AfterUpdate,
    MemoryData,
    make_agent,
    make_renderer_module,
    make_trainer,
)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_metrics_hold_means_and_validation_by_update(tmp_path: Path) -> None:
    agent = make_agent("l2", updates=8)
    seen: list[float] = []
    note = AfterUpdate(lambda _, metrics: seen.append(metrics["actor_loss"].item()))
    metrics = MetricsCsv(tmp_path / "metrics.csv", every=4)
    make_trainer(tmp_path, [note, metrics], val_check_interval=8).fit(agent, MemoryData())
    written = rows(tmp_path / "metrics.csv")
    assert list(written[0])[:3] == ["update", "seconds", "val_l2"]
    assert [row["update"] for row in written] == ["4", "8"]
    assert written[0]["val_l2"] == ""
    assert float(written[1]["val_l2"]) > 0
    for row, part in zip(written, (seen[:4], seen[4:]), strict=True):
        assert abs(float(row["actor_loss"]) - sum(part) / 4) < 1e-6


def test_a_mean_is_over_the_updates_that_had_the_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = make_agent("l2", updates=8)
    make_update = agent.make_update

    def at_every_second(batch: Any) -> dict[str, torch.Tensor]:
        rare = {} if agent.update_count % 2 else {"rare": torch.tensor(3.0 + agent.update_count)}
        return make_update(batch) | rare

    monkeypatch.setattr(agent, "make_update", at_every_second)
    metrics = MetricsCsv(tmp_path / "metrics.csv", every=4)
    make_trainer(tmp_path, [metrics]).fit(agent, MemoryData())
    assert [row["rare"] for row in metrics.rows] == [4.0, 8.0]  # of 3 and 5, 7 and 9


def test_resuming_appends_and_no_update_stands_twice(tmp_path: Path) -> None:
    last = None
    for updates in (6, 12):
        agent = make_agent("l2", updates=updates)
        metrics = MetricsCsv(tmp_path / "metrics.csv", every=2)
        checkpoints = Checkpoints(tmp_path, every=4)
        make_trainer(tmp_path, [metrics, checkpoints]).fit(agent, MemoryData(), ckpt_path=last)
        last = checkpoints.last
    written = rows(tmp_path / "metrics.csv")
    assert [int(row["update"]) for row in written] == [2, 4, 6, 8, 10, 12]
    seconds = [float(row["seconds"]) for row in written]
    assert seconds == sorted(seconds)


def test_the_best_is_the_best_by_validation(tmp_path: Path) -> None:
    agent = make_agent("l2", updates=24)
    metrics = MetricsCsv(tmp_path / "metrics.csv", every=100)
    checkpoints = Checkpoints(tmp_path, monitor="val_l2")
    trainer = make_trainer(tmp_path, [metrics, checkpoints], val_check_interval=1)
    trainer.fit(agent, MemoryData())
    values = {row["update"]: row["val_l2"] for row in metrics.rows}
    assert checkpoints.best_value == min(values.values())
    best = torch.load(checkpoints.best, weights_only=True)
    assert values[best["impasto"]["update_count"]] == checkpoints.best_value


@pytest.mark.usefixtures("hangup")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_stops_after_its_update_with_a_checkpoint(
    tmp_path: Path, number: signal.Signals
) -> None:
    agent = make_agent("l2", updates=20)
    stop, checkpoints = GracefulStop(), Checkpoints(tmp_path, every=100)

    def send(update: int, metrics: object) -> None:
        if update == 6:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    trainer = make_trainer(tmp_path, [AfterUpdate(send), stop, checkpoints])
    with pytest.raises(Interrupted) as caught:
        trainer.fit(agent, MemoryData())
    assert caught.value.signal_number == number
    assert agent.update_count == 6  # in the middle of a group of four
    saved = torch.load(checkpoints.last, weights_only=True)
    assert saved["impasto"]["update_count"] == 6
    assert signal.getsignal(number) == before


@pytest.mark.parametrize(("kind", "stop", "rows"), [("agent", 6, [4]), ("renderer", 7, [4])])
def test_a_stop_brings_no_validation_about(
    tmp_path: Path, kind: str, stop: int, rows: list[int]
) -> None:
    """A run that was not stopped would have had none there."""
    module = make_agent("l2", updates=20) if kind == "agent" else make_renderer_module(updates=20)

    def send(update: int, metrics: object) -> None:
        if update == stop:
            os.kill(os.getpid(), signal.SIGTERM)

    metrics = MetricsCsv(tmp_path / "metrics.csv", every=100)
    callbacks = [AfterUpdate(send), GracefulStop(), metrics, Checkpoints(tmp_path)]
    trainer = make_trainer(tmp_path, callbacks, val_check_interval=4)
    with pytest.raises(Interrupted):
        trainer.fit(module, MemoryData() if kind == "agent" else None)
    assert module.update_count == stop
    assert [row["update"] for row in metrics.rows] == rows


@pytest.mark.parametrize("kind", ["agent", "renderer"])
def test_a_checkpoint_waits_for_the_validation_after_it(tmp_path: Path, kind: str) -> None:
    """Killed in between, a run would go on after a validation that it never made."""
    module = make_agent("l2", updates=16) if kind == "agent" else make_renderer_module(updates=16)
    metrics = MetricsCsv(tmp_path / "metrics.csv", every=100)
    checkpoints = Checkpoints(tmp_path, every=4)
    trainer = make_trainer(tmp_path, [metrics, checkpoints], val_check_interval=8)
    saved: list[tuple[int, list[float]]] = []
    save = trainer.save_checkpoint

    def note(*arguments: Any, **more: Any) -> None:
        saved.append((module.update_count, [row["update"] for row in metrics.rows]))
        save(*arguments, **more)

    trainer.save_checkpoint = note  # type: ignore[method-assign]
    trainer.fit(module, MemoryData() if kind == "agent" else None)
    assert saved[:3] == [(4, []), (8, [8]), (12, [8])]
    assert all(found == (16, [8, 16]) for found in saved[3:])


def test_pictures_show_targets_above_paintings(tmp_path: Path) -> None:
    agent = make_agent("l2", updates=4)
    pictures = Pictures(tmp_path, count=2)
    make_trainer(tmp_path, [pictures], val_check_interval=1).fit(agent, MemoryData())
    sheet = read_image(tmp_path / "validation.png")
    scale = 96 // SIZE
    target = next(iter(MemoryData().val_dataloader()))["target"][0].permute(1, 2, 0).numpy()
    assert (sheet[: SIZE * scale : scale, : SIZE * scale : scale] == target).all()
