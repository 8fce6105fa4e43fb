"""The report at the end of a sweep."""

import copy
import json
from pathlib import Path

import pytest

from impasto.launch.outcome import JobFailed
from impasto.launch.sweeps.folder import report_sweep
from impasto.tasks.runs import compare
from tests.conftest import FakeTasks, RunMain
from tests.impasto.tasks.runs.comparison.folders import write_run


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were compared."""
    folders: list[Path] = []
    monkeypatch.setattr(compare, "compare_sweep", folders.append)
    return folders


@pytest.mark.parametrize(("kind", "code"), [("succeed", 0), ("odd_fails", 2)])
def test_a_sweep_ends_with_it_whether_jobs_fail_or_not(
    kind: str,
    code: int,
    compared: list[Path],
    run_main: RunMain,
    tmp_path: Path,
    fake_tasks: FakeTasks,
) -> None:
    sweep = (f"task.kind={kind}", "updates=1,2", "hydra.sweep.dir=sweep")
    assert run_main("-m", *fake_tasks.arguments, *sweep).code == code
    assert [folder.resolve() for folder in compared] == [tmp_path / "sweep"]


def test_a_single_run_and_an_interrupted_sweep_do_not(
    compared: list[Path], run_main: RunMain, fake_tasks: FakeTasks
) -> None:
    assert run_main(*fake_tasks.arguments, "hydra.run.dir=out").code == 0
    sweep = ("task.kind=interrupted", "updates=1,2", "hydra.sweep.dir=sweep")
    assert run_main("-m", *fake_tasks.arguments, *sweep).code == 143
    assert compared == []


def test_a_sweep_of_train_leaves_a_report_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i, bundle in enumerate((5, 1)):
        write_run(tmp_path / str(i), bundle=bundle, l2=0.25 / bundle)
    write_run(tmp_path / "2", status="diverged", seed=1)
    report_sweep(tmp_path)
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == f"report: {tmp_path / 'report.html'}"
    assert "bundle=1: L2 0.25000, one seed" in out
    assert err == ""
    assert "(diverged)" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    "second", [{"status": "diverged"}, {"status": None}, {"choices": {"task": "pretrain"}}, None]
)
def test_without_two_finished_runs_of_train_there_is_no_report(
    tmp_path: Path, second: dict[str, object] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if second is not None:
        write_run(tmp_path / "0")
        write_run(tmp_path / "1", **second)  # type: ignore[arg-type]
    before = sorted(tmp_path.iterdir())
    report_sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    assert capsys.readouterr() == ("", "")


def test_a_report_that_fails_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "0")
    (tmp_path / "0" / "summary.json").write_text("{")
    report_sweep(tmp_path)
    again = f"python run.py task=compare runs={tmp_path} writes it\n"
    err = capsys.readouterr().err
    assert err.startswith(f"warning: the sweep's report was not written: {tmp_path}/0/summary.json")
    assert err.endswith(f"— {again}")
    assert err.count("\n") == 1

    def crash(folder: Path) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(compare, "compare_sweep", crash)
    report_sweep(tmp_path)
    err = capsys.readouterr().err
    assert err == f"warning: the sweep's report was not written: RuntimeError: two lines — {again}"


def test_a_failed_job_can_cross_processes() -> None:

    failure = copy.copy(JobFailed(2, Path("sweep")))  # by what pickling goes by
    assert (failure.code, failure.sweep) == (2, Path("sweep"))


def test_compare_on_the_command_line(run_main: RunMain, tmp_path: Path) -> None:
    write_run(tmp_path / "a", choices={"agent": "ddpg"})
    write_run(tmp_path / "b", choices={"agent": "ppo"}, agent__tau=0.5)
    asked = ("runs=[a,b]", "baseline=agent=ppo", "level=0.5", "hydra.run.dir=out")
    done = run_main("task=compare", *asked)
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(f"report: {tmp_path / 'out' / 'report.html'}\n")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert {name: summary[name] for name in ("runs", "variants", "baseline", "level")} == {
        "runs": 2,
        "variants": 2,
        "baseline": "agent=ppo",
        "level": 0.5,
    }


def test_compare_names_what_is_wrong(run_main: RunMain, tmp_path: Path) -> None:
    done = run_main("task=compare", "runs=no*", "hydra.run.dir=out")
    assert done.code == 2
    assert done.err.startswith("error: runs: no* does not exist — give run folders")
    assert done.err.count("\n") == 1
    done = run_main("task=train", "level=0.5")
    assert (done.code, "unknown key 'level'" in done.err) == (2, True)


@pytest.mark.slow
def test_a_real_sweep_end_to_end(run_main: RunMain, tmp_path: Path) -> None:
    small = ("canvas.size=16", "updates=2", "data.val_limit=8", "data.test_limit=14")
    done = run_main(
        "-m",
        "task=train",
        "experiment=quickstart",
        "trainer=cpu",
        "logger=none",
        *small,
        "replay.episodes=32",
        "bundle=5,1",
        "seed=0,1",
        "hydra.sweep.dir=sweep",
    )
    assert done.code == 0, done.err
    assert done.out.endswith("report: sweep/report.html\n")
    text = (tmp_path / "sweep" / "report.md").read_text()
    for part in ("`bundle=5`", "`bundle=1`", "l2_by_update.png", "paintings_side_by_side.png"):
        assert part in text
    assert "same targets" not in text  # all seeds were tested on the same images
    assert "python run.py task=train experiment=quickstart" in text
