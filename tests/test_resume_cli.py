"""What `resume=` refuses, passes over and says, from the command line."""

import json
import shutil
from pathlib import Path

import pytest

from impasto.launch.resume import locked
from tests.conftest import FakeTasks, Finished, RunMain

BROKEN = "is damaged: its content is not what its checksum says"


@pytest.fixture
def run(run_main: RunMain, fake_tasks: FakeTasks) -> RunMain:
    def run_it(*arguments: str) -> Finished:
        return run_main(*fake_tasks.arguments, *arguments)

    return run_it


@pytest.fixture
def checkpoints(run: RunMain, tmp_path: Path) -> Path:
    """Those of a run `runs/a` of 10 updates, after which it was gone on with to 20."""
    assert run("hydra.run.dir=runs/a").code == 0
    folder = tmp_path / "runs" / "a" / "checkpoints"
    shutil.copy(folder / "last.ckpt", folder / "kept")
    assert run("hydra.run.dir=runs/a", "resume=auto", "updates=20").code == 0
    shutil.move(folder / "kept", folder / "previous.ckpt")
    return folder


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4] ^= 1
    path.write_bytes(content)


def came_from(folder: Path) -> str:
    summary = json.loads((folder / "summary.json").read_text())
    return Path(summary["from"]).name


def test_changed_settings_are_refused_before_anything_is_written(
    run: RunMain, checkpoints: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for resume, where in (("runs/a", "b"), ("runs/a/checkpoints/last.ckpt", "b"), ("auto", "a")):
        done = run(f"resume={resume}", "bundle=2", "seed=3", f"hydra.run.dir=runs/{where}")
        assert done.code == 2
        assert done.err == (
            "error: runs/a/checkpoints/last.ckpt was saved with other settings: bundle: 5 -> 2, "
            "seed: 0 -> 3 — give them as they were, or start a new run, or insist by "
            "may_change=[bundle,seed]\n"
        )
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_what_may_change_goes_on(run: RunMain, checkpoints: Path, tmp_path: Path) -> None:
    more = ("updates=30", "trainer=auto", "logger=csv", "callbacks.checkpoints.every=3")
    done = run("resume=runs/a", *more, "bundle=2", "may_change=[bundle]", "hydra.run.dir=runs/b")
    assert (done.code, done.err) == (0, "")
    assert came_from(tmp_path / "runs" / "b") == "last.ckpt"


def test_the_one_before_a_broken_one_is_taken(
    run: RunMain, checkpoints: Path, tmp_path: Path
) -> None:
    flip(checkpoints / "last.ckpt")
    line = (
        f"runs/a/checkpoints/last.ckpt {BROKEN}; going on from "
        "runs/a/checkpoints/previous.ckpt, the one before it\n"
    )
    done = run("resume=runs/a", "updates=30", "hydra.run.dir=runs/b")
    assert (done.code, done.err) == (0, line)
    assert came_from(tmp_path / "runs" / "b") == "previous.ckpt"
    done = run("resume=auto", "updates=30", "hydra.run.dir=runs/a")
    assert (done.code, done.err) == (0, line)
    assert came_from(tmp_path / "runs" / "a") == "previous.ckpt"


def test_auto_looks_in_the_folder_that_is_given_and_nowhere_else(
    run: RunMain, checkpoints: Path, tmp_path: Path
) -> None:
    """Beside it lies a finished run of the same config."""
    done = run("resume=auto", "updates=20", "hydra.run.dir=runs/new")
    assert done.code == 0
    assert "no run in runs/new to go on with: a new one" in done.out
    assert (tmp_path / "runs" / "new" / "summary.json").is_file()
    done = run("resume=auto", "updates=20", "hydra.run.dir=runs/a")
    assert "runs/a is finished; nothing to do" in done.out


def test_auto_beside_a_run_that_began_in_the_same_second(run: RunMain, tmp_path: Path) -> None:
    """It holds other settings, a broken checkpoint and a process that is at it: no matter."""
    named = "hydra.run.dir=runs/${now:%Y}"
    assert run("seed=3", named).code == 0
    first = next((tmp_path / "runs").iterdir())
    flip(first / "checkpoints" / "last.ckpt")
    with locked(first):
        done = run("resume=auto", named)
    assert (done.code, done.err) == (0, "")
    assert sorted(tmp_path.glob("runs/*/summary.json")) == [
        first / "summary.json",
        first.with_name(f"{first.name}-2") / "summary.json",
    ]


def test_auto_says_in_what_the_newest_unfinished_run_differs(run: RunMain) -> None:
    assert run("seed=3").code == 0
    done = run("resume=auto", "updates=20")
    assert "no run with this config to go on with: a new one" in done.out
    assert "is unfinished, and has other settings: seed: 3 -> 0" in done.out
    assert "going on in" in run("resume=auto", "updates=30", "seed=3").out


def test_a_broken_file_that_was_asked_for_is_refused(
    run: RunMain, checkpoints: Path, tmp_path: Path
) -> None:
    (checkpoints / "last.ckpt").write_bytes(b"")
    done = run("resume=runs/a/checkpoints/last.ckpt", "updates=30", "hydra.run.dir=runs/b")
    assert done.code == 2
    assert done.err == (
        "error: runs/a/checkpoints/last.ckpt is cut off or is no checkpoint — "
        "resume=runs/a/checkpoints/previous.ckpt, which is whole\n"
    )
    assert not (tmp_path / "runs" / "b").exists()


def test_both_broken_is_no_new_start(run: RunMain, checkpoints: Path) -> None:
    for name in ("last.ckpt", "previous.ckpt"):
        flip(checkpoints / name)
    done = run("resume=auto", "updates=30", "hydra.run.dir=runs/a")
    assert done.code == 2
    assert done.err.count(BROKEN) == 2
    assert done.err.count("\n") == 1


def test_other_settings_are_other_jobs_of_a_sweep(
    run_main: RunMain, fake_tasks: FakeTasks, tmp_path: Path
) -> None:
    sweep = ("-m", *fake_tasks.arguments, "hydra.sweep.dir=sweep", "resume=auto", "seed=0,1")
    assert run_main(*sweep).code == 0
    before = {n: (tmp_path / "sweep" / n / "summary.json").read_bytes() for n in "01"}
    assert run_main(*sweep, "bundle=2").code == 0
    for number, summary in before.items():
        assert (tmp_path / "sweep" / number / "summary.json").read_bytes() == summary
    seeds = [
        json.loads((tmp_path / "sweep" / n / "summary.json").read_text())["seed"] for n in "23"
    ]
    assert seeds == [0, 1]


def test_the_jobs_of_a_sweep_go_on_from_what_is_named(
    run_main: RunMain, fake_tasks: FakeTasks, checkpoints: Path, tmp_path: Path
) -> None:
    words = ("-m", *fake_tasks.arguments, "seed=0", "updates=30", "hydra.sweep.dir=sweep")
    refused = run_main(*words, "resume=nowhere")
    assert refused.code == 2
    assert "resume: nowhere does not exist" in refused.err
    assert not (tmp_path / "sweep").exists()
    assert run_main(*words, "resume=runs/a").code == 0
    assert came_from(tmp_path / "sweep" / "0") == "last.ckpt"
