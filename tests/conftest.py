"""What tests of several packages share."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from impasto.errors import UserError
from impasto.launch import cli
from impasto.launch.validation.targets import TRUST
from impasto.mypaint.library import library
from tests.browser import browser

__all__ = ["browser"]  # a fixture

ROOT = Path(__file__).resolve().parent.parent
CONF = ROOT / "conf"

SMALL_TRAINING = (
    "task=train",
    "experiment=quickstart",
    "trainer=cpu",
    "logger=none",
    "canvas.size=16",
    "batch_size=3",
    "replay.episodes=4",
    "agent.warmup_env_steps=0",
    "agent.updates_per_rollout=1",
    "data.val_limit=4",
)
"""A training that is over at once; strokes, updates and the cache are the test's."""
SMALLEST_TRAINING = (
    *SMALL_TRAINING,
    "strokes=2",
    "bundle=1",
    "agent.actor.width=4",
    "agent.critic.width=4",
    "agent.actor.hidden=8",
    "data.test_limit=4",
)

Compose = Callable[..., DictConfig]


def has_libmypaint() -> bool:
    """Whether stroke=mypaint can be drawn here."""
    try:
        library()
    except UserError:
        return False
    return True


@pytest.fixture
def compose_config() -> Iterator[Compose]:
    """The project's real config, composed with overrides."""

    def composed(*overrides: str) -> DictConfig:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose("config", overrides=list(overrides), return_hydra_config=True)

    yield composed
    GlobalHydra.instance().clear()


@dataclass(frozen=True)
class Finished:
    """What a program left: exit code, standard output and error."""

    code: int
    out: str
    err: str


RunCli = Callable[..., Finished]
RunMain = Callable[..., Finished]


def command_line(*arguments: str) -> list[str]:
    """The command that runs run.py."""
    return [sys.executable, str(ROOT / "run.py"), *arguments]


def environment(**more: str) -> dict[str, str]:
    """The present environment for a program: few threads, no colours, no traceback on errors."""
    kept = {key: value for key, value in os.environ.items() if key != "HYDRA_FULL_ERROR"}
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1", **more}


@pytest.fixture
def run_cli(tmp_path: Path) -> RunCli:
    """Run run.py as a program in an empty folder."""

    def run(*arguments: str, timeout: float = 240, **env: str) -> Finished:
        done = subprocess.run(
            command_line(*arguments),
            cwd=tmp_path,
            env=environment(**env),
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def run_main(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[RunMain]:
    """Run run.py in this process, where everything is loaded already, in an empty folder."""

    def run_it(*arguments: str) -> Finished:
        monkeypatch.setattr(sys, "argv", ["run.py", *arguments])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
        code: object = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return Finished(int(str(code or 0)), out, err)

    monkeypatch.chdir(tmp_path)
    yield run_it
    for name in ("", *logging.root.manager.loggerDict):  # a run's log goes with its folder
        logger = logging.getLogger(name)
        for handler in [one for one in logger.handlers if isinstance(one, logging.FileHandler)]:
            logger.removeHandler(handler)
            handler.close()


FAKE_TASK = """
import os
import signal
import time
import zipfile

import yaml

from impasto.errors import Diverged, Interrupted, UserError
from impasto.persistence.manifest import Manifest, seal


def succeed(folder, updates, checkpoint):
    (folder / "checkpoints").mkdir(exist_ok=True)
    config = yaml.safe_load((folder / ".hydra" / "config.yaml").read_text())
    with (folder / "checkpoints" / "last.ckpt").open("w+b") as file:
        zipfile.ZipFile(file, "w").close()
        seal(file, Manifest(updates, config), folder)
    return {"l2": 0.25, "psnr": float("nan"), "updates": updates, "from": checkpoint}


def untrained(folder, updates, checkpoint):
    return {"status": "untrained", "renderer_mse": 0.5}


def fail(folder, updates, checkpoint):
    raise UserError("the paint is dry", "add water")


def fail_late(folder, updates, checkpoint):
    (folder / "half.txt").touch()
    fail(folder, updates, checkpoint)


def diverge(folder, updates, checkpoint):
    raise Diverged("a loss is nan", "lower the rates")


def save(folder, updates, checkpoint):
    from impasto.persistence.atomic import durable_write

    (folder / "checkpoints").touch()  # a file in the folder's place
    try:
        with durable_write(folder / "checkpoints" / "last.ckpt"):
            pass
    finally:
        (folder / "checkpoints").unlink()


def crash(folder, updates, checkpoint):
    raise RuntimeError("a bug")


def fill_disk(folder, updates, checkpoint):
    raise OSError(28, "No space left on device", str(folder / "big"))


def interrupted(folder, updates, checkpoint):
    raise Interrupted(15, folder / "checkpoints" / "last.ckpt")


def wait(folder, updates, checkpoint):
    (folder / "ready").touch()
    time.sleep(120)


def odd_waits(folder, updates, checkpoint):
    with (folder / "began.txt").open("a") as file:
        print(os.getpid(), file=file)
    if updates % 2 and not (folder.parent.parent / "go").exists():
        wait(folder, updates, checkpoint)
    return {"updates": updates}


def odd_dies_once(folder, updates, checkpoint):
    if updates % 2 and not (folder / "died").exists():
        (folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"updates": updates}


def odd_dies(folder, updates, checkpoint):
    (folder / "died").unlink(missing_ok=True)
    return odd_dies_once(folder, updates, checkpoint)


def score(folder, updates, checkpoint):
    if updates == 13:
        fail(folder, updates, checkpoint)
    return {"val_l2": float((updates - 7) ** 2), "l2": 1.0 / updates, "updates": updates}


def odd_fails(folder, updates, checkpoint):
    if updates % 2:
        fail(folder, updates, checkpoint)
    return {"updates": updates}
"""

FAKE_YAML = """
# a task for tests
updates: 10
batch_size: 4
strokes: 7
kind: succeed
call:
  _target_: fake_task.${task.kind}
  folder: ${run.folder}
  updates: ${updates}
  checkpoint: ${run.checkpoint}
"""


@dataclass(frozen=True)
class FakeTasks:
    """How to run tasks that only pretend."""

    arguments: tuple[str, ...]
    env: dict[str, str]


@pytest.fixture
def fake_tasks(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> FakeTasks:
    """A task `fake` that does what `task.kind` says, in a folder that Hydra searches too."""
    folder = tmp_path_factory.mktemp("fake")
    (folder / "conf" / "task").mkdir(parents=True)
    (folder / "conf" / "task" / "fake.yaml").write_text(FAKE_YAML)
    (folder / "fake_task.py").write_text(FAKE_TASK)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv(TRUST, "fake_task")
    search = f"hydra.searchpath=[file://{folder / 'conf'}]"
    return FakeTasks(
        ("task=fake", search, "trainer=cpu"), {"PYTHONPATH": str(folder), TRUST: "fake_task"}
    )


@pytest.fixture
def hangup() -> Iterator[None]:
    """A closed terminal's signal as a terminal leaves it, though nohup may run the tests."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
