"""Whatever command is given wherever: the files that the user has put there stay as they are."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from impasto.launch import cli
from tests.bad_input_files import RECORD
from tests.conftest import SMALLEST_TRAINING

# Names that this program, Hydra or a person could give.
NAMES = (
    "a.png",
    "b c.png",
    "paintings.png",
    "painting.png",
    "a/painting.png",
    "a/strokes.json",
    "strokes.json",
    "summary.json",
    "metrics.csv",
    "notes.txt",
    "agent/agent.py",
    "agent/config.yaml",
    "renderer/weights.safetensors",
    "checkpoints/last.ckpt",
    ".hydra/config.yaml",
    ".hydra/lock",
    ".hydra/written.json",
    "run.log",
    "run/run.log",
    "multirun.yaml",
    "jobs.json",
    "report.md",
    "0/painting.png",
    "1/notes.txt",
    "strokes.png",
    "validation.png",
    ".0123456789ab.tmp",
    ".impasto-1.tmp",
    "data/prepared/.x.tmp/part",
    "data/prepared/.x-16px-1.part/images.npy",
    "prepared/.y.tmp",
    "events.out.tfevents.1",
    "index.html",
    "curves.png",
    "a-painting/a.png",
)
PAINT = ("task=paint", "painter.steps=1", "strokes=2", "export=[]", "stroke=circle")
COMMANDS = (
    (*PAINT, "image=a.png"),
    (*PAINT, "image=mine"),
    (*PAINT, "image=mine/*.png"),
    (*PAINT, "image=mine/a.png", "mask=mine/paintings.png"),
    (*PAINT, "image=[a.png,mine/paintings.png,no.png]"),
    (*PAINT, "image=notes.txt"),
    (*PAINT, "image=a.png", "stroke=brush", "stroke.image=mine/a.png"),
    ("task=render", "record=mine/strokes.json", "export=[svg]"),
    ("task=render", "record=strokes.json", "size=0"),
    (*SMALLEST_TRAINING, "updates=1"),
    (*SMALLEST_TRAINING, "updates=1", "resume=auto"),
    (*SMALLEST_TRAINING, "updates=1", "resume=mine"),
    (*SMALLEST_TRAINING, "updates=1", "agent.weights=mine"),
    (*SMALLEST_TRAINING, "updates=1", "agent.actor.width=none"),
    ("task=gallery", "runs=[mine]"),
    ("task=compare", "runs=[mine]"),
    ("task=status", "sweep=mine"),
    ("task=nothing",),
)
WHERE = (".", "mine", "mine/out", "out", "mine/a", "out/deep/er", "mine/agent", "link")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data sets that the commands prepare, once."""
    return tmp_path_factory.mktemp("cache")


def lay(folder: Path, names: list[str]) -> dict[Path, bytes]:
    """Put the user's files into a folder, where no folder has the name; what is in each."""
    laid = {}
    for name in names:
        path = folder / name
        with suppress(OSError):  # a file where the folder should be
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".png":
                Image.new("L", (20, 10 + len(laid)), 90).save(path)
            else:
                path.write_text(
                    json.dumps(RECORD) if path.name == "strokes.json" else f"mine: {name}"
                )
            laid[path] = path.read_bytes()
    return laid


def obey(words: tuple[str, ...]) -> str:
    """Run the command line in this process, as tests/conftest.py does; what it said of errors."""
    said = StringIO()
    argv, sys.argv = sys.argv, ["run.py", *words]
    try:
        with redirect_stdout(StringIO()), redirect_stderr(said), suppress(SystemExit):
            cli.main()
    finally:
        sys.argv = argv
    return said.getvalue()


@pytest.fixture
def home() -> Iterator[Path]:
    """Where all examples play, each in an emptied folder."""
    folder = Path(tempfile.mkdtemp())
    yield folder
    shutil.rmtree(folder)


def play(home: Path, cache: Path, data: st.DataObject) -> None:
    """Lay files, give commands, lay further files, and look at them after every command."""
    for path in home.iterdir():
        path.unlink() if path.is_symlink() or path.is_file() else shutil.rmtree(path)
    laid = lay(home, data.draw(st.lists(st.sampled_from(NAMES), max_size=4), label="here"))
    laid |= lay(
        home / "mine", data.draw(st.lists(st.sampled_from(NAMES), max_size=6), label="mine")
    )
    (home / "link").symlink_to("mine")
    for _ in range(data.draw(st.integers(1, 3), label="commands")):
        words = data.draw(st.sampled_from(COMMANDS), label="command")
        where = data.draw(st.sampled_from(WHERE), label="where")
        kind = data.draw(st.sampled_from(("run", "run", "run", "sweep")), label="kind")
        cached = data.draw(st.sampled_from((cache, cache, "mine")), label="cache")
        more = () if kind == "run" else ("-m", "seed=0,1")
        if "experiment=quickstart" in words:
            more = (*more, f"data.cache={cached}")
        obey((*more, *words, f"hydra.{kind}.dir={where}"))
        for path, content in laid.items():
            assert path.read_bytes() == content, f"{path} after {words} in {where}"
        if (home / "out").is_dir() and data.draw(st.booleans(), label="into out"):
            laid |= lay(home / "out", data.draw(st.lists(st.sampled_from(NAMES), max_size=2)))


_ANY = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=30, derandomize=True, **_ANY)
@given(data=st.data())
def test_the_users_files_stay_as_they_are(home: Path, cache: Path, data: st.DataObject) -> None:
    with chdir(home):
        play(home, cache, data)


@pytest.mark.slow
@settings(max_examples=300, **_ANY)
@given(data=st.data())
def test_the_users_files_stay_as_they_are_whatever_happens(
    home: Path, cache: Path, data: st.DataObject
) -> None:
    with chdir(home):
        play(home, cache, data)


def test_the_commands_are_not_all_refused(home: Path, cache: Path) -> None:
    """In a folder of their own they run, so that the tests above are tests of something."""
    with chdir(home):
        lay(home, ["a.png", "strokes.json"])
        lay(home / "mine", ["a.png", "paintings.png", "strokes.json"])
        for number in (0, 2, 6, 7, 9):
            obey((*COMMANDS[number], f"hydra.run.dir=out{number}", f"data.cache={cache}"))
            assert os.listdir(home / f"out{number}"), COMMANDS[number]
