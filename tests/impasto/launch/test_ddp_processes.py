"""trainer=ddp from the command line: processes that are started, watched and ended with the job."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from impasto.errors import Pruned
from impasto.launch.ddp_processes import Ranks
from tests.conftest import Finished, RunCli, RunMain, command_line, environment

SMALL = (
    "task=train",
    "experiment=quickstart",
    "canvas.size=16",
    "logger=none",
    "batch_size=8",
    "data.val_limit=9",
    "data.test_limit=9",
    "replay.episodes=32",
    "agent.warmup_env_steps=2",
    "agent.actor.width=8",
    "agent.critic.width=8",
)
TWO = ("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu")


def last_line(done: Finished) -> str:
    return done.err.strip().splitlines()[-1]


def summary(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "summary.json").read_text()))


# ---- whole runs


def test_the_quick_recipe_trains_on_two_ranks(run_cli: RunCli, tmp_path: Path) -> None:
    done = run_cli(*SMALL, *TWO, "updates=10", "strokes=10", "hydra.run.dir=run")
    assert done.code == 0, done.err
    assert "2 ranks on cpu by gloo: batches of 8 each, 16 in every update" in done.out
    assert "0.001 (CosineAnnealingLR)" in done.out
    run = summary(tmp_path / "run")
    assert (run["status"], run["updates"], run["images"]) == ("finished", 10, 9)
    log = (tmp_path / "run" / "run.log").read_text()
    assert log.count("in every update") == 1
    assert done.out.count("test: L2") == 1


@pytest.mark.slow
def test_a_sweep_runs_each_job_on_two_ranks(run_cli: RunCli, tmp_path: Path) -> None:
    """Where Lightning's own launcher would start the whole sweep again in each process."""
    done = run_cli(
        "-m", *SMALL, *TWO, "updates=6", "strokes=5,10", "hydra.sweep.dir=sweep", timeout=400
    )
    assert done.code == 0, done.err
    assert [path.name for path in tmp_path.iterdir() if path.name != "data"] == ["sweep"]
    jobs = [path for path in sorted((tmp_path / "sweep").iterdir()) if path.is_dir()]
    runs = [summary(job) for job in jobs if job.name.isdigit()]
    assert [(run["strokes"], run["status"]) for run in runs] == [(5, "finished"), (10, "finished")]
    assert done.out.count("in every update") == 2


@pytest.mark.slow
def test_pretraining_on_two_ranks(run_cli: RunCli, tmp_path: Path) -> None:
    done = run_cli(
        "task=pretrain",
        "experiment=renderer_cpu",
        "canvas.size=16",
        "stroke=circle",
        *TWO,
        "logger=none",
        "updates=4",
        "batch_size=8",
        "task.judged_strokes=32",
        "hydra.run.dir=run",
    )
    assert done.code == 0, done.err
    assert summary(tmp_path / "run")["status"] == "untrained"
    assert "batches of 8 each, 16 in every update" in done.out


@pytest.mark.slow
def test_torchrun_starts_the_processes(tmp_path: Path) -> None:
    program = [*command_line()[:1], "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [
            *program,
            "--nproc-per-node=2",
            *command_line()[1:],
            *SMALL,
            *TWO,
            "updates=6",
            "hydra.run.dir=run",
        ],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("in every update") == done.stdout.count("test: L2") == 1
    assert summary(tmp_path / "run")["updates"] == 6


# ---- ends


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A run on two ranks that has saved itself at least once, and the process of rank 1."""
    program = command_line(
        *SMALL,
        *TWO,
        "updates=5000",
        "callbacks.checkpoints.every=4",
        "hydra.run.dir=run",
        *arguments,
    )
    run = subprocess.Popen(
        program,
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        for _ in range(1200):
            if (folder / "run" / "checkpoints" / "last.ckpt").exists():
                break
            assert run.poll() is None, run.communicate()[1]
            time.sleep(0.1)
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        yield run, next(int(pid) for pid in children if b"ddp_worker" in command_of(int(pid)))
    finally:
        run.kill()
        run.communicate()


def command_of(pid: int) -> bytes:
    """Its command line; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def is_gone(pid: int, seconds: float = 20) -> bool:
    """Whether a process is gone, or goes within so many seconds."""
    until = time.monotonic() + seconds
    while command_of(pid) and time.monotonic() < until:
        time.sleep(0.1)
    return not command_of(pid)


linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc")


@pytest.mark.slow
@linux
def test_a_rank_that_dies_ends_the_run_with_its_checkpoint_kept(
    tmp_path: Path, run_cli: RunCli
) -> None:
    with running(tmp_path) as (run, other):
        os.kill(other, signal.SIGKILL)
        error = run.communicate(timeout=60)[1].strip().splitlines()[-1]
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert error.startswith("error: rank 1 of 2 was ended by SIGKILL — go on by resume=")
    assert run.returncode == 2
    assert summary(tmp_path / "run")["status"] == "failed"
    assert last.exists()
    made = int(json.loads(last.read_bytes()[last.read_bytes().rindex(b'{"impasto"') :])["update"])
    done = run_cli(*SMALL, *TWO, f"updates={made + 2}", "resume=run", "hydra.run.dir=run")
    assert done.code == 0, done.err
    assert summary(tmp_path / "run")["updates"] == made + 2


@pytest.mark.slow
@linux
@pytest.mark.parametrize("which", [0, 1])
def test_a_signal_to_any_rank_stops_all_and_saves_once(tmp_path: Path, which: int) -> None:
    with running(tmp_path) as (run, other):
        os.kill([run.pid, other][which], signal.SIGTERM)
        said = run.communicate(timeout=60)[1]
        assert is_gone(other)
    assert run.returncode == 128 + signal.SIGTERM
    assert said.count("stopped by SIGTERM after") == 1
    assert "to go on: python run.py" in said
    assert summary(tmp_path / "run")["status"] == "interrupted"


@pytest.mark.slow
@linux
def test_nothing_outlives_rank_0(tmp_path: Path) -> None:
    with running(tmp_path) as (run, other):
        run.kill()
        run.wait()
        assert is_gone(other)


# ---- what is refused


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("trainer=ddp", "trainer.devices=0"), "trainer.devices is 0 — "),
        (("trainer=ddp", "trainer.devices=two"), "trainer.devices is 'two' — "),
        (("trainer=ddp", "trainer.devices=[0,1]"), "trainer.devices is [0, 1] — "),
        (("trainer=ddp",), "doesn't know how many processes to use on a CPU — "),
        (("trainer=ddp", "trainer.devices=2", "trainer.num_nodes=0"), "trainer.num_nodes is 0 — "),
        (
            ("trainer=ddp", "trainer.devices=2", "trainer.num_nodes=3"),
            "trainer.num_nodes=3, and this process was started alone — on every machine run "
            "torchrun --nnodes=3 --nproc-per-node=2 ",
        ),
        (("trainer=cpu", "trainer.devices=2"), "trainer.devices=2 with trainer=cpu, "),
        (
            ("trainer=ddp", "trainer.devices=2", "trainer.accelerator=tpu"),
            "trainer.accelerator=tpu can't be used by trainer=ddp — ",
        ),
    ],
)
def test_wrong_numbers_of_processes_are_one_line(
    run_main: RunMain, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    cpu = ("trainer.accelerator=cpu",) if "trainer=ddp" in arguments else ()
    done = run_main("task=train", "experiment=quickstart", *cpu, *arguments)
    assert done.code == 2
    assert says in last_line(done)
    assert len(done.err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_gpus_that_are_not_there(run_main: RunMain, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = ("task=train", "experiment=quickstart", "trainer=ddp", "trainer.accelerator=gpu")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert "torch finds no GPU — " in last_line(run_main(*gpu, "trainer.devices=2"))
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    done = run_main(*gpu, "trainer.devices=2")
    assert "trainer.devices=2, and this machine has 1 GPU(s) — " in last_line(done)


def test_a_task_that_does_not_train_has_no_use_for_ranks(run_main: RunMain) -> None:
    done = run_main("task=paint", "image=x.png", *TWO)
    assert done.code == 2
    assert "trainer=ddp is of no use: task=paint doesn't train — " in last_line(done)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (TWO, "torchrun started 2 processes, and hydra.run.dir is not given — "),
        ((*TWO, "seed=1,2", "-m"), "a sweep (-m) was started by torchrun in 2 processes — "),
        (("trainer=cpu", "hydra.run.dir=x"), "torchrun started 2 processes, and trainer=cpu is"),
        (
            ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=4", "hydra.run.dir=x"),
            "trainer.num_nodes=1 times trainer.devices=4 is 4 — ",
        ),
    ],
)
def test_what_torchrun_has_started_must_fit(
    run_main: RunMain, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "a", "RANK": "0", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    done = run_main("task=train", "experiment=quickstart", *arguments)
    assert done.code == 2
    assert says in last_line(done)


def test_a_trial_that_is_given_up_does_not_wait_for_a_rank_that_is_lost(tmp_path: Path) -> None:
    ranks = Ranks(2, tmp_path)
    ranks._others = None  # type: ignore[assignment]  # not even looked at
    assert ranks.why_lost(Pruned(3, 0.5)) is None
