"""Every key that names a file is given what is none: one line, exit 2, no waiting."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from datamodules import Images
from impasto.errors import UserError
from impasto.launch.arguments import AS_TYPED
from impasto.persistence.exports import read_export
from impasto.persistence.model_zoo import FOLDER as SHELF
from impasto.tasks.runs.comparison.runs import read_run
from impasto.tasks.runs.gallery import gallery
from impasto.tasks.runs.run_folder import read_jobs
from impasto.tasks.runs.run_state import is_held, read_state
from tests.conftest import ROOT, RunMain, environment
from tests.forked import PATIENCE
from tests.impasto.tasks.runs.comparison.folders import write_run

TRAIN = "task=train experiment=quickstart trainer=cpu logger=none"
PAINT = "task=paint image=photo.png painter.steps=1 strokes=2 export=[]"
AGENT = "task=paint image=photo.png strokes=2 export=[] painter=agent"

# By key, commands in which `@` stands for the path. A new key that names a file has to be here.
COMMANDS = {
    "resume": [f"{TRAIN} resume=@", "task=pretrain experiment=quickstart_renderer resume=@"],
    "image": [
        "task=paint painter.steps=1 strokes=2 export=[] image=@",
        "task=evaluate image=@",
        "task=stylize features.weights=random image=@",
    ],
    "runs": [f"task={task} runs=@" for task in ("compare", "curves", "gallery", "publish")],
    "hydra.run.dir": ["task=render record=record.json export=[] hydra.run.dir=@"],
    "hydra.sweep.dir": ["-m task=render record=record.json export=[] hydra.sweep.dir=@"],
    "agent.weights": [f"{AGENT} agent.weights=@", "task=evaluate data=digits agent.weights=@"],
    "painter.weights": [f"{AGENT} painter.weights=@"],
    "data.root": [
        f"{TRAIN} data={data} data.root=@"
        for data in ("mnist", "svhn", "celeba", "imagenet", "images")
    ],
    "data.cache": [f"{TRAIN} data=digits data.cache=@"],
    "preconditioning.examples": [
        f"{TRAIN} agent=lstm_adversarial preconditioning=digits preconditioning.examples=@"
    ],
    "renderer.weights": [
        f"{TRAIN} renderer={renderer} renderer.weights=@"
        for renderer in ("neural", "gan", "vae", "fields")
    ],
    "reward.weights": [f"{TRAIN} reward=perceptual reward.weights=@"],
    "stroke.image": [f"{PAINT} stroke=brush stroke.image=@"],
    "stroke.brush": [f"{PAINT} stroke=mypaint stroke.brush=@.myb"],
    "lpips": ["task=evaluate image=photo.png agent.weights=digits lpips=@"],
    "renderer_pkl": ["task=import renderer_pkl=@"],
    "actor_pkl": ["task=import renderer_pkl=@ actor_pkl=@"],
    "mask": [f"{PAINT} mask=@"],
    "record": ["task=render export=[] record=@"],
    "sweep": ["task=status sweep=@"],
    "features.weights": ["task=stylize image=photo.png features.weights=@"],
    "classifiers": [
        "task=visualize class=3 classifiers=[resnet18:@]",
        "task=visualize class=3 classifiers=[@]",
    ],
    "reader": ["task=evaluate image=photo.png agent.weights=digits reader=@"],
    "held_out": ["task=visualize class=3 held_out=@"],
}
NO_PATHS = {
    "baseline",
    "class",
    "hosts",  # names
    "agents",  # of which task=serve offers those that can be read, like any other agent's folder
}
OUTPUTS = {"hydra.run.dir", "hydra.sweep.dir", "data.cache"}
MISSING = "task=render export=[] record=none"
KINDS = ("pipe", "device", "link", "huge", "folder")
ALL = [command for commands in COMMANDS.values() for command in commands]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a picture, a record, and something of every kind, with and without a suffix."""
    folder = tmp_path_factory.mktemp("ways_in")
    Image.new("RGB", (24, 16), (200, 60, 40)).save(folder / "photo.png")
    record = {"version": 1, "stroke": "circle", "width": 24, "height": 16, "background": [0, 0, 0]}
    (folder / "record.json").write_text(json.dumps({**record, "strokes": []}))
    for suffix in ("", ".myb"):
        make_kinds(folder, suffix)
    return folder


def make_kinds(folder: Path, suffix: str) -> None:
    os.mkfifo(folder / f"pipe{suffix}")
    (folder / f"device{suffix}").symlink_to("/dev/zero")
    (folder / f"link{suffix}").symlink_to("nowhere")
    with (folder / f"huge{suffix}").open("wb") as file:
        file.truncate(2**40)  # of zeros, which take no room
    (folder / f"folder{suffix}").mkdir()


def test_the_walk_knows_every_key() -> None:
    assert COMMANDS.keys() | NO_PATHS == AS_TYPED


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """End what waits for a pipe's writer."""

    def end(*_: object) -> None:
        raise TimeoutError("it waits")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(PATIENCE)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("command", ALL)
def test_a_pipe_is_refused_at_once(
    command: str, place: Path, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    before = set(place.iterdir())
    done = run_main(*command.replace("@", "pipe").split())
    assert_refused({"code": done.code, "err": done.err})
    assert set(place.iterdir()) == before


def assert_refused(done: dict[str, Any]) -> None:
    assert done["code"] == 2, done
    assert "Traceback" not in done["err"]
    [line] = done["err"].splitlines()
    assert line.startswith("error: ")
    assert " — " in line


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in another unit elsewhere")
@pytest.mark.parametrize("key", COMMANDS)
def test_nothing_but_a_file_is_read(key: str, place: Path) -> None:
    """Within a minute, and in at most 200 MB more than a missing file takes."""
    kinds = ("none", *KINDS)
    commands = [one.replace("@", kind).split() for one in COMMANDS[key] for kind in kinds]
    if key in OUTPUTS:  # which may be missing
        commands[0 :: len(kinds)] = [MISSING.split()] * len(COMMANDS[key])
        commands = [one for one in commands if not one[-1].endswith("=folder")]
        kinds = kinds[:-1]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.forked"],
        input=json.dumps(commands),
        cwd=place,
        env=environment(PYTHONPATH=str(ROOT)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(found) == len(commands)
    for number in range(0, len(commands), len(kinds)):
        missing, *others = found[number : number + len(kinds)]
        for done in (missing, *others):
            assert_refused(done)
            assert done["megabytes"] < missing["megabytes"] + 200


# ---- files in folders that a user names


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(
        tmp_path_factory.mktemp("run") / "run", by_stroke=[0.5], validations=[(1, 1, 0.5)]
    )


def replaced(folder: Path, name: str, kind: str, place: Path, to: Path) -> Path:
    """A copy of a folder in which one file is of another kind."""
    copy = Path(shutil.copytree(folder, to / folder.name))
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).unlink(missing_ok=True)
    (copy / name).symlink_to(place / kind if kind != "link" else "nowhere")
    return copy


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    ["config.yaml", "weights.safetensors", "SHA256SUMS", "weights.safetensors.index.json"],
)
def test_a_file_of_exported_weights(kind: str, name: str, place: Path, tmp_path: Path) -> None:
    folder = replaced(SHELF / "digits", name, kind, place, tmp_path)
    with pytest.raises(UserError, match=re.escape(str(folder))):
        read_export(folder)
    if name != "SHA256SUMS":
        (folder / "SHA256SUMS").unlink()
        with pytest.raises(UserError, match=re.escape(str(folder))):
            read_export(folder)


SAYS = {
    "pipe": "a pipe, not a file",
    "device": "a device, not a file",
    "folder": "a folder, not a file",
    "huge": "1.1 TB large",
}


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("kind", SAYS)
@pytest.mark.parametrize(
    "name",
    [
        "summary.json",
        "metrics.csv",
        "curve.csv",
        "pictures.csv",
        ".hydra/config.yaml",
        ".hydra/hydra.yaml",
        ".hydra/overrides.yaml",
    ],
)
def test_a_report_says_which_file_of_a_run_it_can_not_read(
    kind: str, name: str, run_folder: Path, place: Path, tmp_path: Path
) -> None:
    folder = replaced(run_folder, name, kind, place, tmp_path)
    with pytest.raises(UserError, match=f"{re.escape(name)} can't be read .*{SAYS[kind]}"):
        read_run(folder)
    assert read_state(folder).folder == folder  # a table of many runs does without


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [".hydra/lock", ".hydra/process.json", "jobs.json"])
def test_what_a_run_leaves_for_itself(
    kind: str, name: str, run_folder: Path, place: Path, tmp_path: Path
) -> None:
    folder = replaced(run_folder, name, kind, place, tmp_path)
    assert read_jobs(folder) == {}
    assert not is_held(folder)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_of_runs_does_without_what_is_no_picture(
    kind: str, run_folder: Path, place: Path, tmp_path: Path
) -> None:
    folder = replaced(run_folder, "paintings.png", kind, place, tmp_path)
    shutil.copy(place / "photo.png", folder / "a.png")
    gallery(str(folder), tmp_path / "gallery")
    page = (tmp_path / "gallery" / "index.html").read_text()
    assert page.count("data:image/png") == 1
    assert f"paintings.png is left out ({SAYS.get(kind, 'No such file')}" in page


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "folder"])
def test_pictures_beside_what_is_none(
    kind: str, place: Path, tmp_path: Path, run_main: RunMain
) -> None:
    for folder, count in (("few", 1), ("set", 40)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "b.png").symlink_to(place / kind if kind != "link" else "nowhere")
        for number in range(count):
            shutil.copy(place / "photo.png", tmp_path / folder / f"{number}.png")
    data = Images(
        canvas_size=16, batch_size=1, root=str(tmp_path / "set"), cache=str(tmp_path / "data")
    )
    data.prepare_data()
    data.setup("fit")
    assert data.skipped == ["b.png"]
    painted = run_main("task=paint", "painter.steps=1", "strokes=2", "export=[]", "image=few")
    assert painted.code == 0
    assert f"skipped: few/b.png: cannot be read ({SAYS.get(kind, 'No such file')}" in painted.out
    assert len(list(tmp_path.glob("outputs/*/*/0/painting.png"))) == 1
