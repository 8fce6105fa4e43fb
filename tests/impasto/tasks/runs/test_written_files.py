"""Lists of what runs wrote, and the removal of folders that hold nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from impasto.errors import UserError
from impasto.persistence.atomic import temporary_name
from impasto.tasks.runs.written_files import (
    begin_list,
    end_list,
    files_in,
    read_written,
    remove_runs,
)
from tests.conftest import ROOT


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def a_run(folder: Path, task: str, *names: str) -> None:
    others = begin_list(folder, task)
    write(folder, *names, "run.log", ".hydra/config.yaml", "summary.json")
    end_list(folder, task, others)


def test_a_list_holds_what_the_run_wrote_and_nothing_of_the_users(tmp_path: Path) -> None:
    write(tmp_path, "notes.txt", "changed.csv")
    others = begin_list(tmp_path, "train")
    before = read_written(tmp_path)
    assert before is not None
    assert before.is_open
    write(tmp_path, "agent/weights")
    (tmp_path / "changed.csv").write_text("by the run")
    end_list(tmp_path, "train", others)
    after = read_written(tmp_path)
    assert after is not None
    assert (after.task, after.is_open) == ("train", False)
    about = (tmp_path / "changed.csv").stat()
    assert after.files["changed.csv"] == (len("by the run"), about.st_mtime_ns)
    assert set(after.files) == {"agent/weights", "changed.csv"}


def test_what_is_listed_stays_listed(tmp_path: Path) -> None:
    a_run(tmp_path, "paint", "a/painting.png")
    a_run(tmp_path, "paint", "b/painting.png")
    listed = read_written(tmp_path)
    assert listed is not None
    assert set(listed.files) == {"a/painting.png", "b/painting.png", "summary.json"}


def test_runs_within_a_sweep_have_lists_of_their_own(tmp_path: Path) -> None:
    others = begin_list(tmp_path, "sweep")
    a_run(tmp_path / "0", "train", "metrics.csv")
    write(tmp_path, "report.md")
    end_list(tmp_path, "sweep", others)
    listed = read_written(tmp_path)
    assert listed is not None
    assert set(listed.files) == {"report.md"}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"task": 1, "open": 1, "files": {"a": 1}}', "\0"]
)
def test_a_list_that_is_none(tmp_path: Path, text: str) -> None:
    write(tmp_path, ".hydra/written.json")
    (tmp_path / ".hydra" / "written.json").write_text(text)
    assert read_written(tmp_path) is None


def test_leftovers_of_this_program_and_what_systems_put_there_count_for_nothing(
    tmp_path: Path,
) -> None:
    write(tmp_path, temporary_name(tmp_path / "a.png").name, ".DS_Store", ".0123456789ab.tmp")
    assert set(files_in(tmp_path)) == {".0123456789ab.tmp"}


def test_runs_are_removed_whole(tmp_path: Path) -> None:
    a_run(tmp_path / "all" / "renderer", "pretrain", "renderer/weights")
    a_run(tmp_path / "all" / "page", "gallery", "index.html")
    remove_runs(tmp_path / "all")
    assert not (tmp_path / "all").exists()
    remove_runs(tmp_path / "all")  # of nothing there is nothing to say


@pytest.mark.parametrize("what", ["beside", "within", "changed", "link", "killed"])
def test_runs_with_something_of_the_users_are_not(tmp_path: Path, what: str) -> None:
    run = tmp_path / "all" / "run"
    a_run(run, "paint", "a/painting.png")
    if what == "beside":
        write(tmp_path, "all/notes.txt")
    elif what == "within":
        write(run, "a/notes.txt")
    elif what == "changed":
        (run / "a" / "painting.png").write_text("retouched")
    elif what == "link":
        (run / "elsewhere").symlink_to(tmp_path, target_is_directory=True)
    else:
        begin_list(run, "paint")
        write(run, "b/painting.png")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="was written by no run that ended, or was changed since"):
        remove_runs(tmp_path / "all")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_removal_as_a_program(tmp_path: Path) -> None:
    write(tmp_path, "mine/notes.txt")
    command = [sys.executable, "-m", "impasto.tasks.runs.written_files", "mine"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == (
        "error: mine/notes.txt was written by no run that ended, or was changed since — move it "
        "away, or remove mine yourself\n"
    )
    assert (tmp_path / "mine" / "notes.txt").exists()
