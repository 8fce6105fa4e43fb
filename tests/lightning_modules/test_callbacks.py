"""What callbacks write, and when they stop a run."""

import csv
import os
import signal
from pathlib import Path

import torch

from lightning_modules.callbacks import Checkpoints, GracefulStop, MetricsCsv, Pictures
from painting.images import read_image
from tests.lightning_modules.conftest import SIZE, MemoryData, make_agent, make_trainer


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_metrics_hold_means_and_validation_by_update(tmp_path: Path) -> None:
    agent = make_agent("l2", updates=8)
    seen: list[float] = []
    agent.update_hooks.append(lambda _, figures: seen.append(figures["actor_loss"].item()))
    metrics = MetricsCsv(tmp_path / "metrics.csv", every=4)
    make_trainer(tmp_path, [metrics], val_check_interval=2).fit(agent, MemoryData())
    written = rows(tmp_path / "metrics.csv")
    assert list(written[0])[:3] == ["update", "seconds", "val_l2"]
    assert [row["update"] for row in written] == ["4", "8"]
    assert written[0]["val_l2"] == ""
    assert float(written[1]["val_l2"]) > 0
    for row, part in zip(written, (seen[:4], seen[4:]), strict=True):
        assert abs(float(row["actor_loss"]) - sum(part) / 4) < 1e-6


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


def test_a_signal_stops_after_its_update_with_a_checkpoint(tmp_path: Path) -> None:
    agent = make_agent("l2", updates=20)
    stop, checkpoints = GracefulStop(), Checkpoints(tmp_path, every=100)

    def send(number: int, figures: object) -> None:
        if number == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    agent.update_hooks.append(send)
    before = signal.getsignal(signal.SIGTERM)
    make_trainer(tmp_path, [stop, checkpoints]).fit(agent, MemoryData())
    assert stop.signal_number == signal.SIGTERM
    assert agent.update_count == 6  # in the middle of a group of four
    saved = torch.load(checkpoints.last, weights_only=True)
    assert saved["impasto"]["update_count"] == 6
    assert signal.getsignal(signal.SIGTERM) == before


def test_pictures_show_targets_above_paintings(tmp_path: Path) -> None:
    agent = make_agent("l2", updates=4)
    pictures = Pictures(tmp_path, count=2)
    make_trainer(tmp_path, [pictures], val_check_interval=1).fit(agent, MemoryData())
    sheet = read_image(tmp_path / "validation.png")
    scale = 96 // SIZE
    target = next(iter(MemoryData().val_dataloader()))["target"][0].permute(1, 2, 0).numpy()
    assert (sheet[: SIZE * scale : scale, : SIZE * scale : scale] == target).all()
