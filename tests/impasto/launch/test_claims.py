"""A run folder belongs to one run, and a mistaken command takes away what it made."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from impasto.errors import UserError
from impasto.launch.claims import check_folder
from impasto.tasks.runs.written_files import begin_list, end_list
from tests.conftest import SMALLEST_TRAINING, RunMain

PAINT = ("task=paint", "painter.steps=1", "strokes=2", "export=[]")
TRAIN = (*SMALLEST_TRAINING, "data.cache=../cache")


def contents(folder: Path) -> dict[str, bytes]:
    """Everything in a folder but the locks, which say nothing."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.new("RGB", (40, 30), (200, 60, 40)).save(path)
    return path


@pytest.fixture
def a_run(run_main: RunMain, tmp_path: Path) -> Iterator[Path]:
    """A finished run of two updates."""
    done = run_main(*TRAIN, "updates=2", "hydra.run.dir=runs/a")
    assert done.code == 0, done.err
    yield tmp_path / "runs" / "a"
    shutil.rmtree(tmp_path.parent / "cache", ignore_errors=True)


def test_a_run_that_learned_is_not_begun_anew_in_its_folder(a_run: Path, run_main: RunMain) -> None:
    before = contents(a_run)
    done = run_main(*TRAIN, "updates=1", "seed=1", "hydra.run.dir=runs/a")
    assert (done.code, done.err) == (
        2,
        "error: runs/a holds a run of 2 updates — add resume=auto to go on with it, or choose "
        "another hydra.run.dir\n",
    )
    assert contents(a_run) == before


def test_it_goes_on_in_its_own_folder_or_a_new_one_but_in_no_other(
    a_run: Path, run_main: RunMain
) -> None:
    checkpoint = f"resume={a_run}/checkpoints/last.ckpt"
    assert run_main(*TRAIN, "updates=3", checkpoint, "hydra.run.dir=runs/b").code == 0
    before = contents(a_run)
    refused = run_main(*TRAIN, "updates=4", "resume=runs/b", "hydra.run.dir=runs/a")
    assert refused.code == 2
    assert refused.err.startswith("error: runs/a holds a run of 2 updates — ")
    assert contents(a_run) == before
    assert run_main(*TRAIN, "updates=4", "resume=auto", "hydra.run.dir=runs/a").code == 0
    assert run_main(*TRAIN, "updates=5", "resume=runs/a", "hydra.run.dir=runs/a").code == 0


def test_another_task_is_refused_in_its_folder(
    a_run: Path, run_main: RunMain, picture: Path
) -> None:
    before = contents(a_run)
    done = run_main(*PAINT, f"image={picture}", "hydra.run.dir=runs/a")
    assert (done.code, done.err) == (
        2,
        "error: runs/a holds a run of 2 updates — choose another hydra.run.dir\n",
    )
    assert contents(a_run) == before


@pytest.mark.parametrize("name", ["agent/notes.md", "metrics.csv", "mine.png"])
def test_a_file_of_the_users_that_going_on_might_replace(
    a_run: Path, run_main: RunMain, name: str
) -> None:
    (a_run / name).write_text("mine, and longer than what was there before?" * 9)
    before = contents(a_run)
    done = run_main(*TRAIN, "updates=4", "resume=auto", "hydra.run.dir=runs/a")
    assert done.code == 2
    assert f"runs/a/{name} was changed since, or is not of the run in its folder" in done.err
    assert contents(a_run) == before


def test_what_going_on_leaves_alone_may_lie_there(a_run: Path, run_main: RunMain) -> None:
    (a_run / "notes.md").write_text("mine")
    copied = a_run.with_name("copied")
    shutil.copytree(a_run, copied, copy_function=shutil.copy)  # with other times
    for folder in (a_run, copied):
        done = run_main(*TRAIN, "updates=3", "resume=auto", f"hydra.run.dir={folder}")
        assert done.code == 0, done.err
        assert (folder / "notes.md").read_text() == "mine"


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(
    a_run: Path, run_main: RunMain
) -> None:
    begin_list(a_run, "train")
    shutil.rmtree(a_run / "checkpoints")
    (a_run / "summary.json").unlink()
    assert run_main(*TRAIN, "updates=1", "hydra.run.dir=runs/a").code == 2
    assert run_main(*TRAIN, "updates=1", "resume=auto", "hydra.run.dir=runs/a").code == 0


def test_a_painting_may_be_painted_again_but_not_over_the_users_files(
    run_main: RunMain, picture: Path, tmp_path: Path
) -> None:
    again = (*PAINT, f"image={picture}", "hydra.run.dir=out")
    assert run_main(*again).code == 0
    assert run_main(*again, "seed=1").code == 0
    painting = tmp_path / "out" / "a" / "painting.png"
    Image.new("RGB", (40, 30)).save(painting)
    before = contents(tmp_path / "out")
    done = run_main(*again)
    assert (done.code, done.err) == (
        2,
        "error: out/a/painting.png was changed since, or is not of the run in its folder — move it "
        "away, or choose another hydra.run.dir\n",
    )
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize(
    "wrong", [("image=no.png",), ("image=a.png", "stroke.image=no.png", "stroke=brush")]
)
def test_a_mistake_in_an_earlier_folder_leaves_it_as_it_was(
    run_main: RunMain, picture: Path, tmp_path: Path, wrong: tuple[str, ...]
) -> None:
    assert run_main(*PAINT, "image=a.png", "hydra.run.dir=out").code == 0
    (tmp_path / "no.png").write_text("no picture")
    before = contents(tmp_path / "out")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.json")}
    assert run_main(*PAINT, *wrong, "hydra.run.dir=out").code == 2
    assert contents(tmp_path / "out") == before
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert run_main(*PAINT, "image=a.png", "hydra.run.dir=out").code == 0


def test_a_mistake_in_a_new_folder_takes_away_what_was_made(
    run_main: RunMain, tmp_path: Path
) -> None:
    (tmp_path / "no.png").write_text("no picture")
    (tmp_path / "kept").mkdir()
    for folder in ("new/er/out", "kept"):
        assert run_main(*PAINT, "image=no.png", f"hydra.run.dir={folder}").code == 2
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["kept", "no.png"]


@pytest.mark.parametrize(
    "name",
    [
        "a.png",
        "paintings.png",
        ".hydra/config.yaml",
        "run.log",
        "summary.json",
        "sub/x",
        "multirun.yaml",
    ],
)
@pytest.mark.parametrize("sweep", [False, True])
def test_a_folder_that_holds_something_else_is_refused(
    run_main: RunMain, picture: Path, tmp_path: Path, name: str, sweep: bool
) -> None:
    (tmp_path / "mine" / name).parent.mkdir(parents=True)
    (tmp_path / "mine" / name).write_text("mine")
    where = ("-m", "seed=1,2", "hydra.sweep.dir=mine") if sweep else ("hydra.run.dir=mine",)
    done = run_main(*where, *PAINT, "image=a.png")
    kind = "sweep" if sweep else "run"
    assert (done.code, done.err) == (
        2,
        f"error: mine holds {name}, which no run of this program wrote — choose another "
        f"hydra.{kind}.dir\n",
    )
    assert contents(tmp_path / "mine") == {name: b"mine"}


def test_an_input_is_never_in_the_folder(run_main: RunMain, picture: Path, tmp_path: Path) -> None:
    assert run_main(*PAINT, "image=a.png", "hydra.run.dir=out").code == 0
    for key in ("image=out/a/painting.png", "image=[a.png,out/a/*.png]", "mask=out/a/painting.png"):
        before = contents(tmp_path / "out")
        done = run_main(*PAINT, "image=a.png", key, "hydra.run.dir=out")
        assert done.code == 2
        assert "lies in the run folder out — choose another hydra.run.dir" in done.err
        assert contents(tmp_path / "out") == before


def test_two_runs_in_one_second_have_two_folders(
    run_main: RunMain, picture: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        named = "hydra.run.dir=out/${now:%Y}"
        assert run_main(*PAINT, "image=a.png", named).code == 0
    first, second = sorted((tmp_path / "out").iterdir())
    assert second.name == f"{first.name}-2"


def test_a_folder_that_is_none(run_main: RunMain, picture: Path) -> None:
    done = run_main(*PAINT, "image=a.png", "hydra.run.dir=a.png")
    assert (done.code, done.err) == (
        2,
        "error: a.png is not a folder — choose another hydra.run.dir\n",
    )


def test_a_job_of_a_sweep_goes_on_in_its_folder_and_in_no_users(tmp_path: Path) -> None:
    job = tmp_path / "0"
    others = begin_list(job, "paint")
    (job / "painting.png").write_text("by a run that was killed")
    check_folder(job, "paint", job=True)
    with pytest.raises(UserError, match="holds a run of task=paint"):
        check_folder(job, "render", job=True)
    end_list(job, "paint", others)
    (job / "painting.png").write_text("retouched")
    with pytest.raises(UserError, match=r"0/painting\.png was changed since"):
        check_folder(job, "paint", job=True)
    os.makedirs(tmp_path / "1")
    check_folder(tmp_path / "1", "paint", job=True)
    (tmp_path / "1" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds notes\.txt"):
        check_folder(tmp_path / "1", "paint", job=True)
