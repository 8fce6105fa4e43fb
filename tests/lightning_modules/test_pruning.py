"""A trial that promises nothing is ended while it runs."""

import json
from pathlib import Path

import optuna
import pytest

from impasto.errors import Pruned
from impasto.launch.sweeps.study import storage_url
from tests.conftest import SMALL_TRAINING, RunMain

SMALL = (
    *SMALL_TRAINING,
    "strokes=4",
    "bundle=2",
    "updates=4",
    "data.test_limit=14",
    "trainer.val_check_interval=1",
    "callbacks.checkpoints.every=1",
)
# Anything above 0 is pruned at the first validation after the second update.
THRESHOLD = (
    "hydra.sweeper.pruner.name=ThresholdPruner",
    "+hydra.sweeper.pruner.upper=0",
    "hydra.sweeper.pruner.n_startup_trials=null",
    "hydra.sweeper.pruner.n_warmup_steps=2",
)


def test_a_pruned_run_stops_reports_and_is_not_tested(run_main: RunMain, tmp_path: Path) -> None:
    asked = (*SMALL, "agent.tau=interval(0.001,0.1)", "hydra.sweep.dir=search")
    done = run_main("-m", *asked, "hydra/sweeper=optuna", "hydra.sweeper.n_trials=1", *THRESHOLD)
    assert done.code == 2  # the only trial did not finish
    assert "no trial finished" in done.err
    run = tmp_path / "search" / "0"
    summary = json.loads((run / "summary.json").read_text())
    assert summary["status"] == "pruned"
    assert summary["updates"] in (2, 3)
    assert not {"l2", "psnr", "ssim"} & set(summary)
    assert not (run / "agent").exists()
    assert (run / "checkpoints" / "last.ckpt").exists()
    [trial] = optuna.load_study(
        study_name="impasto", storage=storage_url(tmp_path / "search", None)
    ).trials
    assert trial.state == optuna.trial.TrialState.PRUNED
    rows = (run / "metrics.csv").read_text().splitlines()
    validated = [line.split(",") for line in rows[1:] if line.split(",")[2]]
    reported = {int(float(row[0])): float(row[2]) for row in validated}
    assert trial.intermediate_values == pytest.approx(reported)
    assert max(reported) == summary["updates"]


def test_being_pruned_crosses_processes() -> None:
    error = Pruned(7, 0.5)
    kind, arguments = error.__reduce__()
    assert kind(*arguments).args == error.args
    assert (error.updates, error.value) == (7, 0.5)
