"""The lookup of `resume=`, over run folders that are only pretended."""

import json
import os
import signal
import time
import zipfile
from pathlib import Path
from typing import Any, cast

import pytest
from omegaconf import DictConfig, OmegaConf

from impasto.errors import UserError
from impasto.launch.resume import (
    find_checkpoint,
    find_resumable,
    locked,
    refuse_if_locked,
    unlike,
)
from impasto.persistence.manifest import Manifest, seal
from tests.properties.test_small_files import sealed

CONFIG = {
    "task": {"updates": 100},
    "updates": "${task.updates}",
    "seed": 0,
    "bundle": 5,
    "rate": 1e-4,
    "resume": None,
    "data": {"_target_": "datamodules.Digits", "root": "/a", "cache": "data/"},
    "renderer": {"weights": None},
    "logger": {},
    "trainer": {"accelerator": "cpu"},
}


def config(**changes: object) -> DictConfig:
    cfg = OmegaConf.create(CONFIG)
    for key, value in changes.items():
        OmegaConf.update(cfg, key.replace("__", "."), value)
    return cfg


def make_run(
    folder: Path,
    cfg: DictConfig,
    *,
    update: int = 50,
    age: int = 0,
    checkpoint: bool = True,
    **summary: object,
) -> Path:
    (folder / ".hydra").mkdir(parents=True)
    OmegaConf.save(cfg, folder / ".hydra" / "config.yaml")
    if checkpoint:
        (folder / "checkpoints").mkdir()
        last = folder / "checkpoints" / "last.ckpt"
        write_checkpoint(last, cfg, update)
        os.utime(last, (1_000_000 - age, 1_000_000 - age))
    if summary:
        (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def write_checkpoint(path: Path, cfg: DictConfig | None, update: int) -> None:
    config = None if cfg is None else cast(dict[str, Any], OmegaConf.to_container(cfg))
    with path.open("w+b") as file:
        zipfile.ZipFile(file, "w").close()
        seal(file, Manifest(update, config), path)


def found_folder(own: Path, cfg: DictConfig) -> str | None:
    found = find_resumable(own, cfg)
    return found.folder.name if found else None


def test_nothing_to_find(tmp_path: Path) -> None:
    assert find_resumable(tmp_path / "none" / "own", config()) is None
    assert find_resumable(tmp_path / "own", config()) is None


def test_own_folder_comes_first(tmp_path: Path) -> None:
    make_run(tmp_path / "own", config(), age=10, status="interrupted")
    make_run(tmp_path / "other", config(), status="interrupted")
    found = find_resumable(tmp_path / "own", config())
    assert found is not None
    assert found.folder == tmp_path / "own"
    assert found.checkpoint == tmp_path / "own" / "checkpoints" / "last.ckpt"
    assert not found.complete


def test_the_newest_unfinished_run_beside_it(tmp_path: Path) -> None:
    make_run(tmp_path / "10-00", config(), update=70, status="interrupted")
    make_run(tmp_path / "11-00", config(), update=40, age=50)  # killed; a clock that went back
    make_run(tmp_path / "12-00", config(), update=100, status="finished", updates=100)
    make_run(tmp_path / "13-00", config(), update=90, status="diverged")
    make_run(tmp_path / "14-00", config(), checkpoint=False, status="interrupted")
    assert found_folder(tmp_path / "own", config()) == "11-00"
    assert find_resumable(tmp_path / "own", config(), beside=False) is None


def test_callbacks_are_part_of_a_run_that_is_looked_for(tmp_path: Path) -> None:
    stopping = config(callbacks={"early_stopping": {"patience": 3}})
    make_run(tmp_path / "before", stopping, status="interrupted")
    assert found_folder(tmp_path / "own", stopping) == "before"
    assert found_folder(tmp_path / "own", config()) is None
    assert found_folder(tmp_path / "before", config()) == "before"


def test_what_differs_is_said(tmp_path: Path) -> None:
    assert unlike(tmp_path / "none" / "own", config()) is None
    make_run(tmp_path / "a", config(seed=2), status="interrupted")
    make_run(tmp_path / "b", config(seed=1, bundle=4), status="interrupted")
    make_run(tmp_path / "c", config(seed=3), status="finished", updates=100)
    said = unlike(tmp_path / "own", config())
    assert said is not None
    assert said.endswith("b is unfinished, and has other settings: bundle: 4 -> 5, seed: 1 -> 0")


def test_a_run_beside_it_whose_checkpoints_are_broken_is_passed_over(tmp_path: Path) -> None:
    make_run(tmp_path / "good", config(), update=40)
    flip(make_run(tmp_path / "broken", config(), update=70) / "checkpoints" / "last.ckpt", 3)
    assert found_folder(tmp_path / "own", config()) == "good"


@pytest.mark.parametrize(
    "comment",
    [
        b'{"impasto": 1}',
        b"[" * 30_000,
        b'{"impasto": 1, "update": "x", "config": 3}',
        b'{"impasto": 1, "sha256": 1, "update": [], "config": {}, "versions": 1, "replay": [{}]}',
    ],
)
@pytest.mark.parametrize("summary", ["[" * 100_000, '{"status": ["diverged"], "updates": {}}'])
def test_a_damaged_run_beside_it_disturbs_nothing(
    comment: bytes, summary: str, tmp_path: Path
) -> None:
    make_run(tmp_path / "good", config(), update=40)
    damaged = make_run(tmp_path / "damaged", config(), update=70)
    sealed(damaged / "checkpoints" / "last.ckpt", comment)
    assert found_folder(tmp_path / "own", config()) == "good"
    wrong = make_run(tmp_path / "wrong", config(), update=70)
    (wrong / "summary.json").write_text(summary)
    assert found_folder(tmp_path / "own", config()) == "wrong"  # killed, as far as one can see
    with pytest.raises(UserError, match=r"last\.ckpt is damaged: .*previous\.ckpt does not exist"):
        find_checkpoint(str(damaged), config())


def test_a_run_beside_it_that_is_all_interpolations(tmp_path: Path) -> None:
    make_run(tmp_path / "good", config(), update=40)
    folder = make_run(tmp_path / "laughs", config(), update=70)
    laughs = {f"k{n}": f"${{k{n + 1}}}${{k{n + 1}}}" for n in range(60)}
    content = {**CONFIG, **laughs, "seed": "${k0}", "bundle": "${${${k0}}}"}
    with (folder / "checkpoints" / "last.ckpt").open("w+b") as file:
        zipfile.ZipFile(file, "w").close()
        seal(file, Manifest(70, content), folder)
    assert found_folder(tmp_path / "own", config()) == "good"


def flip(path: Path, at: int) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)


def test_jobs_of_a_sweep_stay_in_their_folders(tmp_path: Path) -> None:
    make_run(tmp_path / "0", config(), status="interrupted")
    assert find_resumable(tmp_path / "1", config(), beside=False) is None
    found = find_resumable(tmp_path / "0", config(), beside=False)
    assert found is not None
    assert found.folder == tmp_path / "0"


@pytest.mark.parametrize(
    "change",
    [
        {"resume": "auto"},
        {"updates": 200},
        {"task__updates": 300},
        {"data__root": "/b"},
        {"data__cache": "/tmp"},
        {"logger": {"csv": {"name": "csv"}}},
        {"trainer": {"accelerator": "gpu"}},
    ],
)
def test_what_may_differ(tmp_path: Path, change: dict[str, object]) -> None:
    make_run(tmp_path / "before", config(), status="interrupted")
    assert found_folder(tmp_path / "own", config(**change)) == "before"


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"bundle": 4}, {"rate": 2e-4}, {"renderer__weights": "x"}],
)
def test_what_may_not_differ(tmp_path: Path, change: dict[str, object]) -> None:
    make_run(tmp_path / "before", config(), status="interrupted")
    assert found_folder(tmp_path / "own", config(**change)) is None


@pytest.mark.parametrize(("updates", "complete"), [(50, True), (100, True), (101, False)])
def test_a_finished_run_goes_on_only_for_more_updates(
    tmp_path: Path, updates: int, complete: bool
) -> None:
    make_run(tmp_path / "done", config(), status="finished", updates=100)
    found = find_resumable(tmp_path / "own", config(updates=updates))
    assert found is not None
    assert found.complete is complete


def test_an_untrained_renderer_is_complete_too(tmp_path: Path) -> None:
    make_run(tmp_path / "done", config(), status="untrained", updates=100)
    found = find_resumable(tmp_path / "own", config())
    assert found is not None
    assert found.complete


@pytest.mark.parametrize("text", ["{", "[1]", "\x00", ""])
def test_the_checkpoints_own_config_counts(tmp_path: Path, text: str) -> None:
    run = make_run(tmp_path / "before", config(), status="interrupted")
    (run / ".hydra" / "config.yaml").write_text(text)
    assert found_folder(tmp_path / "own", config()) == "before"
    write_checkpoint(run / "checkpoints" / "last.ckpt", None, 50)
    assert found_folder(tmp_path / "own", config()) is None


def test_a_damaged_summary_is_that_of_a_killed_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "before", config())
    (run / "summary.json").write_text('{"status": "fini')
    found = find_resumable(tmp_path / "own", config())
    assert found is not None
    assert not found.complete


def test_a_running_run_is_left_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path / "before", config())
    with locked(run):
        assert found_folder(tmp_path / "own", config()) is None
        with pytest.raises(UserError, match="another process"), locked(run):
            pass
    assert found_folder(tmp_path / "own", config()) == "before"


def test_a_lock_ends_with_its_process_whatever_that_has_forked(tmp_path: Path) -> None:
    """As the processes that read data are, which outlive a killed run by seconds."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:  # a run, which takes the lock, forks, and is killed
        with locked(tmp_path):
            reader = os.fork()
            if reader == 0:
                time.sleep(60)
                os._exit(0)
            time.sleep(0.2)  # in which the reader lets go
            os.write(tell, b"%d" % reader)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    reader = int(os.read(told, 20))
    try:
        os.kill(reader, 0)  # it lives
        refuse_if_locked(tmp_path)
    finally:
        os.kill(reader, signal.SIGKILL)


def test_a_held_folder_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    refuse_if_locked(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path / "run"), pytest.raises(UserError, match="another process"):
        refuse_if_locked(tmp_path / "run")
    refuse_if_locked(tmp_path / "run")


def test_find_checkpoint(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", config())
    last = run / "checkpoints" / "last.ckpt"
    assert find_checkpoint(str(run), config()).path == last
    assert find_checkpoint(str(last), config()).path == last
    with pytest.raises(UserError, match="does not exist"):
        find_checkpoint(str(tmp_path / "no.ckpt"), config())
    with pytest.raises(UserError, match=r"last\.ckpt"):
        find_checkpoint(str(tmp_path), config())
