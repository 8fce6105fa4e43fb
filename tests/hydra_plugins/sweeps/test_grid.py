"""A sweep that is started again; its jobs only pretend to train."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from impasto.launch.resume import locked
from impasto.launch.sweeps.folder import held
from tests.conftest import FakeTasks, Finished, RunMain

Sweep = Callable[..., Finished]


@pytest.fixture
def sweep(run_main: RunMain, fake_tasks: FakeTasks) -> Sweep:
    """Start a sweep of the fake task in the folder `sweep`."""

    def start(*words: str) -> Finished:
        return run_main("-m", *fake_tasks.arguments, "hydra.sweep.dir=sweep", *words)

    return start


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and times of all files of a run."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def status_of(folder: Path) -> str:
    return str(json.loads((folder / "summary.json").read_text())["status"])


def test_started_again_it_touches_nothing_that_is_finished(sweep: Sweep, tmp_path: Path) -> None:
    words = ("task.kind=odd_waits", "updates=1,2")
    (tmp_path / "go").touch()
    assert sweep(*words).code == 0
    before = content(tmp_path / "sweep" / "0")
    (tmp_path / "sweep" / "1" / "summary.json").unlink()  # as a kill leaves it
    again = sweep(*words)
    assert again.code == 0
    assert "sweep/0: finished, nothing to do\nsweep/1: killed, goes on\n" in again.out
    assert content(tmp_path / "sweep" / "0") == before
    assert len((tmp_path / "sweep" / "1" / "began.txt").read_text().split()) == 2
    assert status_of(tmp_path / "sweep" / "1") == "finished"


def test_other_values_are_other_jobs_and_more_updates_go_on(sweep: Sweep, tmp_path: Path) -> None:
    sweep("bundle=1", "updates=4")
    before = content(tmp_path / "sweep" / "0")
    assert sweep("bundle=3", "updates=4").code == 0
    assert content(tmp_path / "sweep" / "0") == before
    assert "bundle: 3" in (tmp_path / "sweep" / "1" / ".hydra" / "config.yaml").read_text()
    assert sweep("bundle=1,3", "updates=6").code == 0
    made = [json.loads((tmp_path / "sweep" / n / "summary.json").read_text()) for n in "01"]
    assert [one["updates"] for one in made] == [6, 6]
    assert not (tmp_path / "sweep" / "2").exists()


def test_choices_are_named_by_a_pattern(sweep: Sweep, tmp_path: Path) -> None:
    assert sweep("exploration=glob(*_noise)").code == 0
    texts = [(tmp_path / "sweep" / n / ".hydra" / "overrides.yaml").read_text() for n in "01"]
    assert "exploration=action_noise" in texts[0]
    assert "exploration=parameter_noise" in texts[1]
    assert not (tmp_path / "sweep" / "2").exists()
    assert sweep("experiment=glob(*_cpu,exclude=renderer*)").code == 0
    assert "experiment=celeba_cpu" in (tmp_path / "sweep/2/.hydra/overrides.yaml").read_text()


def test_failures_are_counted_run_again_and_the_way_on_is_named(
    sweep: Sweep, tmp_path: Path
) -> None:
    done = sweep("task.kind=odd_fails", "updates=1,2")
    assert done.code == 2
    last = done.err.splitlines()[-1]
    assert last.startswith("error: 1 of 2 jobs did not finish (0 failed) — see run.log in their")
    assert "task.kind=odd_fails updates=1,2" in last
    assert last.endswith("hydra.sweep.dir=sweep goes on with them")
    again = sweep("task.kind=odd_fails", "updates=1,2")
    assert again.code == 2
    assert "error: job 0 (" in again.err
    assert "error: job 1 (" not in again.err


def test_what_diverged_would_again(sweep: Sweep, tmp_path: Path) -> None:
    assert sweep("task.kind=diverge").code == 2
    before = content(tmp_path / "sweep" / "0")
    again = sweep("task.kind=diverge")
    assert again.code == 2
    assert "sweep/0: diverged (it would again), nothing to do" in again.out
    assert content(tmp_path / "sweep" / "0") == before


def test_an_interruption_ends_the_sweep_and_names_the_way_on(sweep: Sweep, tmp_path: Path) -> None:
    done = sweep("task.kind=interrupted", "seed=0,1")
    assert done.code == 143
    assert "to go on with the sweep: python run.py -m task=fake" in done.err
    assert not (tmp_path / "sweep" / "1").exists()


def test_resume_auto_goes_on_with_the_newest_sweep(
    run_main: RunMain, fake_tasks: FakeTasks, tmp_path: Path
) -> None:
    words = ("-m", *fake_tasks.arguments, "resume=auto", "seed=0,1")
    first = run_main(*words)
    assert first.code == 0
    assert "starting a new one" in first.out
    [folder] = (tmp_path / "multirun").iterdir()
    shutil.rmtree(folder / "1")
    again = run_main(*words)
    assert again.code == 0
    assert f"going on with multirun/{folder.name}" in again.out
    assert [path.name for path in (tmp_path / "multirun").iterdir()] == [folder.name]
    assert status_of(folder / "1") == "finished"


def test_what_another_process_is_at_is_left_alone(sweep: Sweep, tmp_path: Path) -> None:
    sweep()
    folder = tmp_path / "sweep" / "0"
    (folder / "summary.json").unlink()
    with locked(folder):
        done = sweep()
    assert done.code == 0
    assert "sweep/0 is still running; it is left alone" in done.out
    assert not (folder / "summary.json").exists()
    with held(tmp_path / "sweep"):
        done = sweep()
    assert done.code == 2
    assert done.err.startswith("error: another process is sweeping in sweep — wait for it, or")


def test_a_folder_of_another_config_is_refused_where_the_user_names_it(
    sweep: Sweep, tmp_path: Path
) -> None:
    assert sweep("hydra.sweep.subdir=run${seed}").code == 0
    before = content(tmp_path / "sweep" / "run0")
    done = sweep("hydra.sweep.subdir=run${seed}", "bundle=9")
    assert done.code == 2
    assert "sweep/run0 holds a run with another config (bundle 5 there, 9 here)" in done.err
    assert content(tmp_path / "sweep" / "run0") == before


def test_what_cannot_be_swept_is_said_before_anything_is_written(
    sweep: Sweep, tmp_path: Path
) -> None:
    done = sweep("strokes=tag(log,int(interval(1,5)))")
    assert done.code == 2
    assert "has no values to run one by one — " in done.err
    assert "hydra/sweeper=optuna" in done.err
    target = "hydra.launcher._target_=hydra_plugins.hydra_nowhere.launcher.Launcher"
    done = sweep("seed=0,1", "hydra/launcher=joblib", target)
    assert done.code == 2
    assert done.err == (
        "error: hydra/launcher=joblib needs hydra_plugins.hydra_nowhere, which is not installed — "
        "pip install 'impasto[sweeps]'\n"
    )
    assert not (tmp_path / "sweep").exists()
