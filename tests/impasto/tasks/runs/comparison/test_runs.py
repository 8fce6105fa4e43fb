"""Finding run folders and reading them."""

from math import nan
from pathlib import Path

import pytest

from impasto.errors import UserError
from impasto.tasks.runs.comparison.runs import NO_SUMMARY, find_runs, read_run
from tests.impasto.tasks.runs.comparison.folders import write_run


def names(found: list[Path], below: Path) -> list[str]:
    return [str(path.relative_to(below)) for path in found]


def test_a_sweeps_jobs_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for job in ("10", "9", "0"):
        write_run(tmp_path / "sweep" / job)
    (tmp_path / "sweep" / "multirun.yaml").touch()
    write_run(tmp_path / "sweep" / ".trash" / "1")
    (tmp_path / "sweep" / "loop").symlink_to(tmp_path / "sweep")
    assert names(find_runs(str(tmp_path / "sweep")), tmp_path) == ["sweep/0", "sweep/9", "sweep/10"]


def test_folders_sweeps_and_globs_each_run_once_in_the_order_given(tmp_path: Path) -> None:
    for run in ("b", "a1", "a2", "sweep/x/0", "sweep/y/0"):
        write_run(tmp_path / run)
    write_run(tmp_path / "b" / "agent")  # what lies in a run's folder is part of it
    (tmp_path / "a3").mkdir()
    sources = [str(tmp_path / "b"), str(tmp_path / "a*"), str(tmp_path / "sweep")]
    found = find_runs([*sources, str(tmp_path / "b" / ".." / "b")])
    assert names(found, tmp_path) == ["b", "a1", "a2", "sweep/x/0", "sweep/y/0"]


def test_a_folder_of_links_to_runs(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / "chosen").mkdir(exist_ok=True)
        (tmp_path / "chosen" / name).symlink_to(write_run(tmp_path / "runs" / name))
    found = find_runs([str(tmp_path / "chosen"), str(tmp_path / "runs" / "a")])
    assert names(found, tmp_path) == ["chosen/a", "chosen/b"]


def test_a_name_that_exists_is_no_glob(tmp_path: Path) -> None:
    write_run(tmp_path / "run[1]")
    write_run(tmp_path / "run1")
    assert names(find_runs(str(tmp_path / "run[1]")), tmp_path) == ["run[1]"]


@pytest.mark.parametrize(
    ("source", "problem"), [("empty", "holds no run"), ("none", "does not exist"), ("n*", "exist")]
)
def test_what_leads_to_no_run_is_named(tmp_path: Path, source: str, problem: str) -> None:
    (tmp_path / "empty").mkdir()
    write_run(tmp_path / "run")
    with pytest.raises(UserError, match=problem) as caught:
        find_runs([str(tmp_path / "run"), str(tmp_path / source)])
    assert str(tmp_path / source) in caught.value.what
    with pytest.raises(UserError, match="no folder is named"):
        find_runs([])


def test_what_a_run_left(tmp_path: Path) -> None:
    folder = write_run(
        tmp_path / "run",
        l2=0.125,
        seed=3,
        overrides=["task=train", "data.cache='/a/b'"],
        validations=[(5, 1.5, 0.5), (8, 2.0, None), (9, 3.0, nan), (10, 3.5, 0.25)],
        by_stroke=[0.5, 0.25],
    )
    run = read_run(folder)
    assert (run.task, run.status, run.finished, run.seed) == ("train", "finished", True, 3)
    assert run.validations.columns.tolist() == ["update", "seconds", "val_l2"]
    assert run.validations.values.tolist() == [[5, 1.5, 0.5], [10, 3.5, 0.25]]
    assert run.l2_by_stroke.tolist() == [0.5, 0.25]
    assert (run.metric("l2"), run.metric("psnr"), run.metric("status")) == (0.125, 13, None)
    assert run.seconds == 3.5  # of training; the summary's are of the last part of a resumed run
    assert run.command == "python run.py task=train data.cache=/a/b"


def test_a_run_without_anything_but_a_config(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", status=None)
    run = read_run(folder)
    assert (run.task, run.status, run.finished) == ("train", NO_SUMMARY, False)
    assert (run.seconds, len(run.validations), len(run.l2_by_stroke)) == (None, 0, 0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("summary.json", '{"status": "fini'),
        ("summary.json", "[1]"),
        (".hydra/config.yaml", "{"),
        (".hydra/config.yaml", "[1]"),
        ("metrics.csv", "update,seconds,val_l2\n1,x,0.5\n"),
        ("curve.csv", "stroke,l2_mean\n0,\x00y\n"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, text: str) -> None:
    folder = write_run(tmp_path / "run")
    (folder / name).write_text(text)
    with pytest.raises(UserError, match="can't be read") as caught:
        read_run(folder)
    assert str(folder / name) in caught.value.what
    assert "\n" not in str(caught.value)
