"""The table of bad input, tests/bad_input.yaml: every wrong use that is known, and what it gets."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from datamodules import Digits
from impasto.mypaint.library import library
from tests.bad_input_files import make_files
from tests.conftest import Finished, RunMain, command_line, environment, has_libmypaint

TABLE = yaml.safe_load((Path(__file__).parent / "bad_input.yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Row:
    """A wrong use.

    Attributes:
        run: The command, in which the table's short words may stand.
        says: The whole message; `…` stands for anything.
        late: Whether it is found when work has begun.
        process: Whether it is run as a program, too.
        unless: A module, or `gpu`: where there is one, it is no mistake.
        libmypaint: Whether it needs the library, or has to do without it; None: neither.
        env: Variables of the environment.
    """

    run: str
    says: str
    late: bool = False
    process: bool = False
    unless: str = ""
    libmypaint: bool | None = None
    env: tuple[tuple[str, str], ...] = ()

    @property
    def argv(self) -> list[str]:
        words = shlex.split(self.run)
        short = {word: text.split() for word, text in TABLE["short"].items()}
        return [one for word in words for one in short.get(word, [word])]

    def fits(self, line: str) -> bool:
        parts = map(re.escape, f"error: {self.says}".split("…"))
        return re.fullmatch(".*".join(parts), line) is not None


def rows(part: str) -> list[Row]:
    def row(entry: dict[str, Any]) -> Row:
        env = entry.pop("env", {})
        return Row(**entry, env=tuple(env.items()))

    return [row(dict(entry)) for entries in TABLE[part].values() for entry in entries]


ROWS, MORE = rows("rows"), rows("more")


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the table speaks of, and the digits prepared in its cache."""
    folder = tmp_path_factory.mktemp("bad_input")
    make_files(folder / "files")
    Digits(canvas_size=32, batch_size=32, cache=str(folder / "data")).prepare_data()
    return folder


@pytest.fixture
def unchanged(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same, and afterwards as before."""
    monkeypatch.chdir(place)
    before = tree(place)
    yield place
    for path in tree(place).keys() - before.keys():  # what a late row did
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def tree(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every path below, files with their sizes and times; but locks, which are empty, stay."""
    stats = {path: path.lstat() for path in folder.rglob("*") if path.suffix != ".lock"}
    return {
        path: (stat.st_size, stat.st_mtime_ns) if path.is_file() else (0, 0)
        for path, stat in stats.items()
    }


def assert_refused(row: Row, done: Finished) -> None:
    assert done.code == 2, done.err
    assert "Traceback" not in done.err
    lines = done.err.splitlines()
    if not row.late:
        assert len(lines) == 1, done.err
    assert lines[-1].startswith("error: ")
    assert " — " in lines[-1]
    assert row.fits(lines[-1]), lines[-1]


@pytest.fixture
def hide_libmypaint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Make it look as if the library were not installed."""

    def hide() -> None:
        monkeypatch.setattr("impasto.mypaint.library._FILES", ())
        monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
        library.cache_clear()

    yield hide
    monkeypatch.undo()
    library.cache_clear()


def _is_installed(module: str) -> bool:
    return bool(module) and importlib.util.find_spec(module) is not None


@pytest.mark.parametrize(
    "row",
    [
        *[pytest.param(row, id=row.run or "nothing") for row in ROWS],
        *[pytest.param(row, id=row.run, marks=pytest.mark.slow) for row in MORE],
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    row: Row,
    unchanged: Path,
    run_main: RunMain,
    monkeypatch: pytest.MonkeyPatch,
    hide_libmypaint: Callable[[], None],
) -> None:
    monkeypatch.chdir(unchanged)
    if row.libmypaint and not has_libmypaint():
        pytest.skip("libmypaint is not installed")
    if row.libmypaint is False:
        hide_libmypaint()
    there = torch.cuda.is_available() if row.unless == "gpu" else _is_installed(row.unless)
    if row.unless and there:
        pytest.skip(f"here it is no mistake: there is {row.unless}")
    for name, value in row.env:
        monkeypatch.setenv(name, value)
    before = tree(unchanged)
    done = run_main(*row.argv)
    assert_refused(row, done)
    if not row.late:
        assert tree(unchanged) == before
    assert not (unchanged / "files" / "trapped").exists()  # what a malicious pickle would make


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.process], ids=[row.run for row in ROWS if row.process]
)
def test_bad_input_as_a_program(row: Row, unchanged: Path) -> None:
    before = tree(unchanged)
    done = subprocess.run(
        command_line(*row.argv),
        cwd=unchanged,
        env=environment(**dict(row.env)),
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )
    assert_refused(row, Finished(done.returncode, done.stdout, done.stderr))
    assert tree(unchanged) == before


def test_the_table_is_as_large_as_it_should_be() -> None:
    every = [*ROWS, *MORE]
    assert len({row.run for row in every}) == len(every) >= 300
    assert len(ROWS) >= 120
    assert sum(row.process for row in ROWS) == 5


def test_a_mistake_leaves_an_earlier_run_as_it_was(
    unchanged: Path, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(unchanged)
    earlier = unchanged / "earlier"
    (earlier / ".hydra").mkdir(parents=True)
    for name in (".hydra/config.yaml", ".hydra/overrides.yaml", "summary.json", "painting.png"):
        (earlier / name).write_text(f"of an earlier run: {name}")
    kept = {path: path.read_text() for path in earlier.rglob("*") if path.is_file()}
    os.utime(earlier / "summary.json", (0, 0))
    done = run_main("task=render", "record=files/cut.json", "hydra.run.dir=earlier")
    assert done.code == 2
    assert {path: path.read_text() for path in earlier.rglob("*") if path.is_file()} == kept


def test_an_empty_folder_of_the_users_stays(
    unchanged: Path, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(unchanged)
    (unchanged / "mine").mkdir()
    for folder in ("mine", "mine/below/it"):
        assert run_main("task=render", "record=files/cut.json", f"hydra.run.dir={folder}").code == 2
        assert list((unchanged / "mine").iterdir()) == []
