"""task=status: what runs are doing, read from their folders."""

import csv
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

from impasto.errors import UserError
from impasto.launch.resume import locked
from impasto.tasks.runs.run_state import read_state
from impasto.tasks.runs.status import read_states, status
from tests.conftest import ROOT, RunMain, environment

ROWS = [
    "update,seconds,val_l2,loss",
    "10,2.0,,0.5",
    "20,4.0,0.25,0.4",
    "30,6.0,,0.3",
]


def leave(
    folder: Path,
    *overrides: str,
    summary: dict[str, object] | None = None,
    begun: bool = True,
    updates: object = "${task.updates}",
    rows: list[str] = ROWS,
) -> Path:
    """A run folder."""
    (folder / ".hydra").mkdir(parents=True)
    config = {"updates": updates, "task": {"updates": 100}, "seed": 0}
    (folder / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(list(overrides)))
    if begun:
        (folder / ".hydra" / "lock").touch()
        (folder / "metrics.csv").write_text("\n".join(rows) + "\n")
    if summary is not None:
        (folder / "summary.json").write_text(json.dumps(summary))
    return folder


@pytest.mark.parametrize(
    "ending", ["finished", "interrupted", "diverged", "failed", "pruned", "untrained"]
)
def test_how_a_run_ended_is_what_its_summary_says(tmp_path: Path, ending: str) -> None:
    state = read_state(leave(tmp_path / "0", summary={"status": ending, "updates": 33}))
    assert (state.status, state.updates, state.total) == (ending, 33, 100)
    assert (state.l2, state.seconds, state.left) == (0.25, 6.0, None)


def test_without_a_summary_the_lock_tells(tmp_path: Path) -> None:
    folder = leave(tmp_path / "0", updates=60)
    killed = read_state(folder)
    assert (killed.status, killed.updates, killed.total, killed.left) == ("killed", 30, 60, None)
    with locked(folder):
        running = read_state(folder)
    assert (running.status, running.updates) == ("running", 30)
    assert running.left == pytest.approx(30 * 0.2, abs=2)  # a fifth of a second an update
    assert read_state(leave(tmp_path / "1", begun=False)).status == "waiting"
    assert read_state(tmp_path / "none").status == "waiting"


def test_the_time_left_shrinks_between_two_rows(tmp_path: Path) -> None:
    folder = leave(tmp_path / "0")
    past = time.time() - 5
    os.utime(folder / "metrics.csv", (past, past))
    with locked(folder):
        assert read_state(folder).left == pytest.approx(70 * 0.2 - 5, abs=2)


@pytest.mark.parametrize("rows", [[], ["update,seconds,val_l2"], ["\0"], ["update,seconds", "x,y"]])
def test_files_that_say_nothing_are_no_trouble(tmp_path: Path, rows: list[str]) -> None:
    folder = leave(tmp_path / "0", rows=rows)
    (folder / "summary.json").write_text("{")
    (folder / ".hydra" / "overrides.yaml").write_text("a: [")
    with locked(folder):
        state = read_state(folder)
    assert (state.status, state.updates, state.l2, state.left) == ("running", 0, None, None)


def test_the_table_names_runs_by_what_tells_them_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep, out = tmp_path / "sweep", tmp_path / "out"
    out.mkdir()
    leave(sweep / "0", "task=train", "seed=0", summary={"status": "finished", "updates": 100})
    leave(sweep / "10", "task=train", "seed=10")
    jobs = {"0": ["task=train", "seed=0"], "2": ["task=train", "seed=2"], "10": []}
    (sweep / "jobs.json").write_text(json.dumps(jobs))
    assert status(str(sweep), out) == {"runs": 3}
    lines = capsys.readouterr().out.splitlines()
    said = f"the sweep was interrupted: its command with hydra.sweep.dir={sweep} goes on with it"
    assert [line.split() for line in lines] == [
        ["run", "settings", "status", "updates", "of", "val", "seconds", "left"],
        ["0", "seed=0", "finished", "100", "100", "0.25000", "6"],
        ["2", "seed=2", "not", "begun"],
        ["10", "seed=10", "killed", "30", "100", "0.25000", "6"],
        ["3", "runs:", "1", "finished,", "1", "not", "begun,", "1", "killed"],
        said.split(),
    ]
    with (out / "status.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["run"], row["status"]) for row in rows] == [
        ("0", "finished"),
        ("2", "not begun"),
        ("10", "killed"),
    ]
    with locked(sweep):  # somebody will begin it
        assert [state.status for state in read_states(sweep)] == ["finished", "waiting", "killed"]
        assert status(str(sweep), out) == {"runs": 3}
    out = capsys.readouterr().out
    assert "waiting" in out.splitlines()[2]
    assert "interrupted" not in out


def test_a_sweep_that_came_to_its_end_was_not_interrupted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = tmp_path / "sweep"
    leave(sweep / "0", summary={"status": "finished", "updates": 100})
    leave(sweep / "1", summary={"status": "failed", "updates": 10})
    (sweep / "jobs.json").write_text('{"0": [], "1": []}')
    status(str(sweep), tmp_path)
    assert capsys.readouterr().out.splitlines()[-1] == "2 runs: 1 finished, 1 failed"
    (sweep / "1" / "summary.json").write_text('{"status": "interrupted"}')
    status(str(sweep), tmp_path)
    assert "the sweep was interrupted" in capsys.readouterr().out.splitlines()[-1]


def test_watching_ends_with_the_last_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = leave(tmp_path / "runs" / "a")
    seen = threading.Event()

    def run() -> None:
        with locked(folder):
            seen.wait(60)
            (folder / "summary.json").write_text('{"status": "finished", "updates": 100}')

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 30
    while read_state(folder).status != "running":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    threading.Timer(0.5, seen.set).start()
    status(str(tmp_path / "runs"), tmp_path, watch=0.05)
    thread.join()
    out = capsys.readouterr().out
    assert out.count("1 runs: 1 running") >= 2
    assert out.splitlines()[-1] == "1 runs: 1 finished"


@pytest.mark.parametrize("watch", [0, -1, "soon"])
def test_what_is_no_folder_of_runs_is_said(tmp_path: Path, watch: object) -> None:
    with pytest.raises(UserError, match=r"sweep: .*none does not exist — give the folder"):
        status(str(tmp_path / "none"), tmp_path)
    with pytest.raises(UserError, match=r"sweep: .* holds no run — give the folder"):
        status(str(tmp_path), tmp_path)
    with pytest.raises(UserError, match=r"^`watch` is .* — give a number, above 0, or null$"):
        status(str(tmp_path), tmp_path, watch=watch)  # type: ignore[arg-type]


def test_on_the_command_line_it_loads_no_torch(tmp_path: Path) -> None:
    leave(tmp_path / "a, [1]" / "0", "seed=0", summary={"status": "failed"})
    code = (
        "import sys; from impasto.launch.cli import main\n"
        "main(['task=status', 'sweep=a, [1]', 'hydra.run.dir=out'])\n"
        "assert 'torch' not in sys.modules and 'optuna' not in sys.modules\n"
        "assert 'matplotlib' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("1 runs: 1 failed\n")
    assert (tmp_path / "out" / "status.csv").is_file()


def test_no_folder_is_one_line(run_main: RunMain, tmp_path: Path) -> None:
    done = run_main("task=status", "hydra.run.dir=out")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert done.err.startswith("error: sweep is not given")
