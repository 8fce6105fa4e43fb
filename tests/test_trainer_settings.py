"""Lightning's settings and callbacks do in a run here what its documentation says of them."""

import json
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import yaml

from tests.conftest import CONF, SMALLEST_TRAINING, RunMain

SETTINGS = (*SMALLEST_TRAINING, "updates=6", "hydra.run.dir=out", "trainer.val_check_interval=2")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def summary() -> dict[str, Any]:
    return dict(json.loads(Path("out/summary.json").read_text()))


def validations() -> list[int]:
    """The updates that metrics.csv has a validation of."""
    lines = [line.split(",") for line in Path("out/metrics.csv").read_text().splitlines()]
    return [int(line[0]) for line in lines[1:] if line[2]]


def test_every_key_of_the_trainer_is_there() -> None:
    keys = yaml.safe_load((CONF / "trainer" / "auto.yaml").read_text())
    assert set(keys) - {"_target_"} == set(signature(pl.Trainer).parameters)


def test_updates_are_batches(run_main: RunMain) -> None:
    assert run_main(*SETTINGS).code == 0
    assert summary()["status"] == "finished"
    checkpoint = torch.load("out/checkpoints/last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == checkpoint["impasto"]["update_count"] == 6
    assert checkpoint["epoch"] == 0
    assert validations() == [2, 4, 6]


@pytest.mark.parametrize(
    ("interval", "wanted"),
    [("0.5", [3, 6]), ("1.0", [6]), ("2.0", [2, 4, 6]), ("00:00:00:00", [1, 2, 3, 4, 5, 6])],
)
def test_validations_come_by_updates_by_shares_of_the_run_or_by_time(
    run_main: RunMain, interval: str, wanted: list[int]
) -> None:
    done = run_main(*SETTINGS, f"trainer.val_check_interval={interval}")
    assert done.code == 0, done.err
    assert validations() == wanted


def test_a_run_without_a_progress_bar(run_main: RunMain) -> None:
    assert "learning" in run_main(*SETTINGS).out
    done = run_main(*SETTINGS, "trainer.enable_progress_bar=false", "hydra.run.dir=quiet")
    assert done.code == 0, done.out
    assert "learning" not in done.out


def test_fast_dev_run_tries_everything_and_writes_nothing(run_main: RunMain) -> None:
    done = run_main(*SETTINGS, "trainer.fast_dev_run=true")
    assert done.code == 0
    assert (summary()["status"], summary()["updates"]) == ("tried", 1)
    assert not {"checkpoints", "agent", "metrics.csv"} & {one.name for one in Path("out").iterdir()}


@pytest.mark.parametrize(
    ("setting", "updates"),
    [
        ("trainer.limit_train_batches=3", 3),
        ("trainer.limit_train_batches=0.5", 3),
        ("trainer.max_epochs=0", 0),
        ("trainer.max_time=00:00:00:00", 0),
    ],
)
def test_a_run_that_the_trainer_ends_before_its_updates_is_interrupted(
    run_main: RunMain, setting: str, updates: int
) -> None:
    done = run_main(*SETTINGS, setting)
    assert done.code == 130
    assert (summary()["status"], summary()["updates"]) == ("interrupted", updates)
    assert not Path("out/agent").exists()
    if updates:
        assert run_main(*SETTINGS, "resume=auto").code == 0
        assert (summary()["status"], summary()["updates"]) == ("finished", 6)


def test_overfit_batches_repeats_targets_until_all_updates_are_made(
    run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lightning_modules import ModelBasedDDPG

    seen: list[bytes] = []
    rollout = ModelBasedDDPG.rollout

    def noted(self: ModelBasedDDPG, target: torch.Tensor) -> None:
        seen.append(target.numpy().tobytes())
        rollout(self, target)

    monkeypatch.setattr(ModelBasedDDPG, "rollout", noted)
    assert run_main(*SETTINGS, "debug=overfit").code == 0
    assert (summary()["status"], summary()["updates"]) == ("finished", 6)
    assert len(seen) == 6
    assert seen == seen[:2] * 3
    assert seen[0] != seen[1]


def test_early_stopping_stops_exports_and_measures(run_main: RunMain) -> None:
    stopping = ("callbacks=[default,early_stopping]", "callbacks.early_stopping.patience=1")
    done = run_main(*SETTINGS, *stopping, "callbacks.early_stopping.min_delta=10", "updates=60")
    assert done.code == 0
    assert summary()["status"] == "stopped"
    assert summary()["updates"] == 4  # the first validation is the best, the second no better
    assert summary()["l2"] > 0
    assert Path("out/agent").is_dir()
    again = run_main(*SETTINGS, *stopping, "callbacks.early_stopping.min_delta=10", "updates=60")
    assert again.code == 2  # it is a run, and not to be written over


def test_limits_of_validation(run_main: RunMain) -> None:
    assert run_main(*SETTINGS, "trainer.num_sanity_val_steps=1").code == 0
    assert validations() == [2, 4, 6]


def test_profilers_and_checks(run_main: RunMain) -> None:
    settings = ("debug=profiler", "trainer.deterministic=true", "trainer.detect_anomaly=true")
    done = run_main(*SETTINGS, *settings, "trainer.enable_model_summary=true")
    assert done.code == 0
    assert summary()["status"] == "finished"
    assert "Total params" in done.out
    assert "FIT Profiler Report" in done.out
    assert "FIT Profiler Report" in Path("out/run.log").read_text()


def test_a_hundredth_of_a_run_is_interrupted(run_main: RunMain) -> None:
    done = run_main(*SETTINGS, "debug=limit", "updates=200", "trainer.val_check_interval=0.5")
    assert done.code == 130, done.err
    assert (summary()["status"], summary()["updates"]) == ("interrupted", 2)
    assert validations() == [1, 2]


def test_loggers_and_their_callbacks(run_main: RunMain) -> None:
    monitor = "+callbacks.rates._target_=pytorch_lightning.callbacks.LearningRateMonitor"
    settings = [one for one in SETTINGS if not one.startswith("logger=")]
    assert run_main(*settings, "logger=csv", monitor, "trainer.log_every_n_steps=2").code == 0
    [table] = Path("out").rglob("csv/**/metrics.csv")
    header, *rows = (line.split(",") for line in table.read_text().splitlines())
    at = header.index("step")
    losses = [row for row in rows if row[header.index("actor_loss")]]
    assert [int(row[at]) for row in losses] == [1, 3, 5]  # Lightning counts from 0
    assert any(name.startswith("lr-") for name in header)


def test_another_number_of_steps_is_refused(run_main: RunMain) -> None:
    done = run_main(*SETTINGS, "trainer.max_steps=3")
    assert done.code == 2
    assert "give updates=NUMBER" in done.err


def test_settings_of_this_machine_are_read(run_main: RunMain, tmp_path: Path) -> None:
    (tmp_path / "mine" / "local").mkdir(parents=True)
    (tmp_path / "mine" / "local" / "default.yaml").write_text("# @package _global_\nseed: 7\n")
    assert run_main(*SETTINGS, "hydra.searchpath=[file://mine]", "updates=1").code == 0
    assert summary()["seed"] == 7


def test_the_script_in_the_docs_trains_an_agent() -> None:
    text = (CONF.parent / "docs" / "notebook.md").read_text()
    script = text.partition("## Training in a script")[2].partition("```python\n")[2]
    names: dict[str, Any] = {}
    exec(script.partition("```")[0], names)
    assert names["trainer"].global_step == names["agent"].update_count == 20
    assert (
        names["agent"].collector.rollout_count == 4 + 2
    )  # 8 steps of 2 each fill the replay; 20 updates
    assert Path("agent/config.yaml").is_file()
