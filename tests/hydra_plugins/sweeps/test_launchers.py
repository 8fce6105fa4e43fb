"""Launchers as real processes: failing jobs, signals, kills, the same summaries from all."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from hydra_plugins.impasto.sweeps._submitit import SlurmLauncher
from impasto.tasks.runs.run_state import is_held
from tests.conftest import (
    CONF,
    SMALL_TRAINING,
    Compose,
    FakeTasks,
    RunCli,
    RunMain,
    command_line,
    environment,
)

LAUNCHERS = {
    "basic": (),
    "joblib": ("hydra/launcher=joblib",),
    "submitit_local": ("hydra/launcher=submitit_local",),
    "ray": ("hydra/launcher=ray", "hydra.launcher.ray.init.num_cpus=2"),
}
SLOW = ("submitit_local", "ray")
EVERY = [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in LAUNCHERS]
PARALLEL = [one for one in EVERY if one.values[0] != "basic"]
SMALL = (
    *SMALL_TRAINING,
    "updates=3",
    "data.test_limit=14",
    "callbacks.checkpoints.every=1",
    "callbacks.metrics_csv.every=1",
)


def words(fake: FakeTasks, launcher: str, *more: str) -> tuple[str, ...]:
    return ("-m", *fake.arguments, "hydra.sweep.dir=sweep", *LAUNCHERS[launcher], *more)


def statuses(sweep: Path, *numbers: int) -> list[str | None]:
    found = []
    for number in numbers:
        path = sweep / str(number) / "summary.json"
        found.append(json.loads(path.read_text())["status"] if path.exists() else None)
    return found


def files_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


@contextmanager
def started(*arguments: str, cwd: Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A program in a process group of its own, of which nothing is left afterwards."""
    process = subprocess.Popen(
        command_line(*arguments),
        cwd=cwd,
        env=environment(**env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill_group(process)


def kill_group(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)


def wait_for(done: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while not done():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("launcher", PARALLEL)
def test_one_failing_job_does_not_end_the_others(
    launcher: str, run_cli: RunCli, fake_tasks: FakeTasks, tmp_path: Path
) -> None:
    asked = words(fake_tasks, launcher, "task.kind=odd_fails", "updates=1,2,4")
    done = run_cli(*asked, **fake_tasks.env)
    assert done.code == 2, done.err
    assert statuses(tmp_path / "sweep", 0, 1, 2) == ["failed", "finished", "finished"], done.err
    assert "error: 1 of 3 jobs did not finish (0 failed)" in done.err
    assert "Traceback" not in done.err
    assert "the paint is dry" in (tmp_path / "sweep" / "0" / "run.log").read_text()
    overrides = (tmp_path / "sweep" / "1" / ".hydra" / "overrides.yaml").read_text()
    assert "updates=2" in overrides


@pytest.mark.parametrize("launcher", EVERY)
def test_a_signal_to_the_sweep_ends_its_jobs_in_order(
    launcher: str, fake_tasks: FakeTasks, tmp_path: Path
) -> None:
    asked = words(fake_tasks, launcher, "task.kind=wait", "seed=0,1")
    running = ["0"] if launcher == "basic" else ["0", "1"]
    ready = [tmp_path / "sweep" / number / "ready" for number in running]
    with started(*asked, cwd=tmp_path, **fake_tasks.env) as process:
        wait_for(lambda: all(path.exists() for path in ready), process)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=100)
        assert process.returncode == 143, err
    second = None if launcher == "basic" else "interrupted"
    assert statuses(tmp_path / "sweep", 0, 1) == ["interrupted", second]
    assert "to go on with the sweep: " in err


def test_a_sweep_whose_time_is_up_ends_its_jobs_and_is_queued_again_once(
    fake_tasks: FakeTasks, tmp_path: Path
) -> None:
    """Slurm sends SIGUSR1 to a batch script alone, or to every process of a step."""
    bin_, notes = tmp_path / "bin", tmp_path / "asked"
    bin_.mkdir()
    (bin_ / "scontrol").write_text(f'#!/bin/sh\necho "$@" >> "{notes}"\n')
    (bin_ / "scontrol").chmod(0o755)
    slurm = {"SLURM_JOB_ID": "12", "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}"}
    sweep = tmp_path / "sweep"
    asked = words(fake_tasks, "joblib", "task.kind=wait", "seed=0,1")
    with started(*asked, cwd=tmp_path, **fake_tasks.env, **slurm) as process:
        wait_for(lambda: all((sweep / number / "ready").exists() for number in "01"), process)
        worker = json.loads((sweep / "0" / ".hydra" / "process.json").read_text())["pid"]
        os.kill(worker, signal.SIGUSR1)
        wait_for(lambda: not is_held(sweep / "0"), process)
        process.send_signal(signal.SIGUSR1)
        _, err = process.communicate(timeout=100)
        assert process.returncode == 138, err
    assert statuses(sweep, 0, 1) == ["interrupted", "interrupted"], err
    assert notes.read_text() == "requeue 12\n"


@pytest.mark.parametrize("launcher", EVERY)
def test_a_killed_sweep_goes_on_and_runs_nothing_twice_that_was_finished(
    launcher: str, run_cli: RunCli, run_main: RunMain, fake_tasks: FakeTasks, tmp_path: Path
) -> None:
    sweep = tmp_path / "sweep"
    asked = words(fake_tasks, launcher, "task.kind=odd_waits", "updates=2,1,4")
    if launcher == "joblib":
        asked += ("hydra.launcher.n_jobs=1",)
    with started(*asked, cwd=tmp_path, **fake_tasks.env) as process:
        begun = sweep / "1" / "ready"
        wait_for(lambda: begun.exists() and statuses(sweep, 0) == ["finished"], process)
        if launcher in ("ray", "submitit_local"):  # where the third ran at once
            wait_for(lambda: statuses(sweep, 2) == ["finished"], process)
    time.sleep(0.5)
    if launcher in ("ray", "submitit_local"):
        end_survivor(sweep / "1")
    assert statuses(sweep, 1) == [None]
    ended = [number for number in (0, 2) if statuses(sweep, number) == ["finished"]]
    before = {number: files_of(sweep / str(number)) for number in ended}
    (sweep.parent / "go").touch()
    done = run_main(*asked) if launcher == "basic" else run_cli(*asked, **fake_tasks.env)
    assert done.code == 0, done.err
    assert statuses(sweep, 0, 1, 2) == ["finished"] * 3
    assert {number: files_of(sweep / str(number)) for number in ended} == before
    assert len((sweep / "1" / "began.txt").read_text().split()) == 2


def end_survivor(folder: Path) -> None:
    """Kill a job that is no member of the sweep's process group."""
    pid = json.loads((folder / ".hydra" / "process.json").read_text())["pid"]
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("odd_dies_once", ["finished", "finished", "finished"]),
        pytest.param("odd_dies", [None, "finished", "finished"], marks=pytest.mark.slow),
    ],
)
def test_a_worker_that_dies_costs_the_others_nothing(
    kind: str, expected: list[str | None], run_cli: RunCli, fake_tasks: FakeTasks, tmp_path: Path
) -> None:
    asked = words(fake_tasks, "joblib", f"task.kind={kind}", "updates=1,2,4")
    done = run_cli(*asked, **fake_tasks.env)
    assert statuses(tmp_path / "sweep", 0, 1, 2) == expected, done.err
    assert "warning: a worker died" in done.err
    assert done.code == (0 if kind == "odd_dies_once" else 1)
    if done.code:
        assert "error: 1 of 3 jobs did not finish (0 killed)" in done.err


@pytest.mark.slow
def test_submitit_requeues_a_job_that_saves_itself(fake_tasks: FakeTasks, tmp_path: Path) -> None:
    """At submitit's signal, sent before a time limit, a run ends in order and begins again."""
    sweep = tmp_path / "sweep"
    asked = words(fake_tasks, "submitit_local", "task.kind=odd_waits", "updates=1")
    with started(*asked, cwd=tmp_path, **fake_tasks.env) as process:
        wait_for((sweep / "0" / "ready").exists, process)
        (sweep.parent / "go").touch()
        pid = json.loads((sweep / "0" / ".hydra" / "process.json").read_text())["pid"]
        os.kill(pid, signal.SIGUSR2)
        _, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
    assert statuses(sweep, 0) == ["finished"]
    began = (sweep / "0" / "began.txt").read_text().split()
    assert len(set(began)) == 2
    assert began[0] == str(pid)


@pytest.mark.slow
def test_all_launchers_leave_the_same_four_summaries(run_cli: RunCli, tmp_path: Path) -> None:
    kept: dict[str, list[dict[str, Any]]] = {}
    for name, launcher in LAUNCHERS.items():
        asked = (*SMALL, "strokes=2,4", "bundle=1,2", "data.cache=cache", f"hydra.sweep.dir={name}")
        done = run_cli("-m", *asked, *launcher, timeout=600)
        assert done.code == 0, done.err
        assert (tmp_path / name / "report.html").exists()
        kept[name] = [
            json.loads((tmp_path / name / str(i) / "summary.json").read_text()) for i in range(4)
        ]
        for summary in kept[name]:
            for figure in ("seconds", "peak_memory_mb"):
                del summary[figure]
    assert [one["strokes"] for one in kept["basic"]] == [2, 2, 4, 4]
    for name in LAUNCHERS:
        assert kept[name] == kept["basic"], name


@pytest.mark.slow
def test_a_sweep_on_a_ray_cluster_of_two_nodes(
    run_cli: RunCli, fake_tasks: FakeTasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", fake_tasks.env["PYTHONPATH"])
    one = {"num_cpus": 1, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=one)
    try:
        cluster.add_node(num_cpus=1)
        address = f"hydra.launcher.ray.init.address='{cluster.address}'"
        asked = words(fake_tasks, "basic", "task.kind=odd_fails", "updates=1,2,4,6")
        done = run_cli(*asked, "hydra/launcher=ray", address, **fake_tasks.env)
    finally:
        cluster.shutdown()
    assert done.code == 2, done.err
    expected = ["failed", "finished", "finished", "finished"]
    assert statuses(tmp_path / "sweep", 0, 1, 2, 3) == expected, done.err


def test_every_launcher_composes_and_is_the_projects_own_file(compose_config: Compose) -> None:
    names = sorted(path.stem for path in (CONF / "hydra" / "launcher").glob("*.yaml"))
    assert names == ["joblib", "ray", "submitit_local", "submitit_slurm"]
    for name in names:
        cfg = compose_config("task=train", f"hydra/launcher={name}")
        assert cfg.hydra.runtime.choices["hydra/launcher"] == name
        assert cfg.hydra.job.env_set.TQDM_DISABLE == "1"
        assert not cfg.hydra.job.chdir
    slurm = compose_config("task=train", "hydra/launcher=submitit_slurm")
    assert OmegaConf.select(slurm, "hydra.job.env_set.OMP_NUM_THREADS") == "4"
    target = slurm.hydra.launcher._target_
    assert target.rpartition(".")[2] == SlurmLauncher.__name__
