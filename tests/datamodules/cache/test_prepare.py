"""Preparations that are killed, that meet each other, and that run out of disk."""

import json
import logging
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
from tqdm import tqdm

from datamodules.cache import writer
from datamodules.cache.image_cache import ImageCache
from datamodules.cache.prepare import prepare
from datamodules.items import Items
from impasto.errors import UserError

COUNT, SIZE = 120, 8
IMAGE_BYTES = 3 * SIZE**2
BROKEN = (3, 50, 119)
CHUNK, SAVED = 5, 20  # images

Start = Callable[..., BaseProcess]


def read(gate: Path | None, decoded: Path, number: int) -> np.ndarray:
    """Say that an image is decoded; stop before the 70th as long as there is a gate."""
    while number >= 70 and gate is not None and gate.exists():
        time.sleep(0.01)
    with decoded.open("a") as file:
        file.write(f"{number}\n")
    if number in BROKEN:
        raise UserError(f"{number} is broken", "mend it")
    return np.random.default_rng(number).integers(0, 256, (SIZE, SIZE, 3), np.uint8)


def make(cache: Path, gate: Path | None = None) -> ImageCache:
    """Prepare 120 pictures, of which three are broken."""
    decoded = cache.parent / f"{cache.name}.decoded"

    def load() -> Items:
        names = [f"image {number}" for number in range(COUNT)]
        return Items(names, partial(read, gate, decoded), labels=np.arange(COUNT))

    return prepare(cache, "fake", SIZE, {}, load)


def in_process(cache: Path, gate: Path | None, log: Path) -> None:
    # tqdm's own lock is shared by all that are forked: killed with it, one would stop the others.
    tqdm.set_lock(threading.RLock())
    logging.basicConfig(filename=log, level=logging.INFO, format="%(message)s", force=True)
    make(cache, gate)


def decoded(cache: Path) -> list[int]:
    return [int(line) for line in (cache.parent / f"{cache.name}.decoded").read_text().split()]


def content(cache: Path) -> dict[str, bytes]:
    (folder,) = (path for path in (cache / "prepared").iterdir() if path.suffix != ".lock")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def progress(cache: Path) -> int:
    files = list((cache / "prepared").glob(".*.part/progress.json"))
    return json.loads(files[0].read_text())["done"] if files else 0


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end, "waited for 30 s"
        time.sleep(0.01)


@pytest.fixture(params=[0, 2], ids=["alone", "two_workers"])
def workers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Small pieces; decoded by the process itself, or by two others."""
    monkeypatch.setattr(writer, "_CHUNK_BYTES", CHUNK * IMAGE_BYTES)
    monkeypatch.setattr(writer, "_SAVE_BYTES", SAVED * IMAGE_BYTES)
    context = "fork" if request.param else None
    monkeypatch.setattr(writer, "_processes", lambda count, decoder: (request.param, context))
    return int(request.param)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a preparation in a process of its own; what is left of them is killed."""
    started: list[BaseProcess] = []

    def begin(cache: Path, gate: Path | None = None, log: str = "log") -> BaseProcess:
        context = multiprocessing.get_context("fork")
        process = context.Process(target=in_process, args=(cache, gate, tmp_path / log))
        process.start()
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        wait_for(lambda process=process: process.exitcode is not None)


def kill(process: BaseProcess) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: process.exitcode is not None)  # join would wait for its workers too
    assert process.exitcode == -signal.SIGKILL


def test_a_killed_preparation_is_gone_on_with_to_the_same_bytes(
    tmp_path: Path, workers: int, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path / "whole")
    cache, gate = tmp_path / "cache", tmp_path / "gate"
    gate.touch()
    first = start(cache, gate)
    wait_for(lambda: progress(cache) == 60)  # 65 are written, 60 counted
    kill(first)
    gate.unlink()
    before = len(decoded(cache))
    with caplog.at_level(logging.INFO):
        prepared = make(cache)
    assert "preparing fake at 8 px goes on after 60 of 120 images" in caplog.text
    assert min(decoded(cache)[before:]) == 60
    assert content(cache) == content(tmp_path / "whole")
    assert np.flatnonzero(~prepared.valid).tolist() == list(BROKEN)
    assert prepared.skipped == [f"image {number}" for number in BROKEN]


def test_killed_again_and_again_it_ends_with_the_same_bytes(
    tmp_path: Path, workers: int, start: Start
) -> None:
    make(tmp_path / "whole")
    cache = tmp_path / "cache"
    generator = np.random.default_rng(workers)
    for _ in range(6):
        process = start(cache)
        time.sleep(float(generator.uniform(0, 0.1)))
        process.kill()
        wait_for(lambda process=process: process.exitcode is not None)
    make(cache)
    assert content(cache) == content(tmp_path / "whole")


def test_two_at_once_prepare_once_and_the_second_says_that_it_waits(
    tmp_path: Path, workers: int, start: Start
) -> None:
    cache, gate = tmp_path / "cache", tmp_path / "gate"
    gate.touch()
    first = start(cache, gate, "first.log")
    wait_for(lambda: progress(cache) == 60)
    second = start(cache, None, "second.log")
    log = tmp_path / "second.log"
    wait_for(lambda: log.exists() and "waiting" in log.read_text())
    gate.unlink()
    for process in (first, second):
        process.join(30)
        assert process.exitcode == 0
    said = "another process is preparing fake at 8 px, waiting"
    assert log.read_text().count(said) == 1
    assert said not in (tmp_path / "first.log").read_text()
    assert sorted(decoded(cache)) == list(range(COUNT))


def test_the_one_that_waits_takes_over_when_the_first_is_killed(
    tmp_path: Path, workers: int, start: Start
) -> None:
    make(tmp_path / "whole")
    cache, gate = tmp_path / "cache", tmp_path / "gate"
    gate.touch()
    first = start(cache, gate)
    wait_for(lambda: progress(cache) == 60)
    second = start(cache, None, "second.log")
    log = tmp_path / "second.log"
    wait_for(lambda: log.exists() and "waiting" in log.read_text())
    kill(first)  # its workers are still at the gate, and must not hold the lock
    second.join(30)
    assert second.exitcode == 0
    assert "goes on after 60 of 120" in log.read_text()
    assert content(cache) == content(tmp_path / "whole")
    gate.unlink()


def test_a_full_disk_is_one_line_and_what_was_done_is_kept(tmp_path: Path, workers: int) -> None:
    make(tmp_path / "whole")
    cache = tmp_path / "cache"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (128 + 71 * IMAGE_BYTES, before[1]))
    try:
        with pytest.raises(UserError) as caught:
            make(cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(caught.value).startswith(f"`cache={cache}`: cannot be written (File too large) —")
    assert "what is prepared already is kept" in caught.value.todo
    assert progress(cache) == 60
    make(cache)
    assert content(cache) == content(tmp_path / "whole")


@pytest.mark.parametrize("workers", [2], indirect=True)
def test_a_decoding_process_that_dies_is_one_line(tmp_path: Path, workers: int) -> None:
    def die(number: int) -> np.ndarray:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    with pytest.raises(UserError, match="a process that decodes pictures died"):
        prepare(tmp_path, "fake", SIZE, {}, lambda: Items(["one", "two"], die))


@pytest.mark.parametrize("workers", [0], indirect=True)
@pytest.mark.parametrize("left", ["", "{", '{"done": 500, "broken": {}}', '{"done": 60}'])
def test_a_progress_that_makes_no_sense_is_begun_anew(
    tmp_path: Path, workers: int, start: Start, left: str
) -> None:
    make(tmp_path / "whole")
    cache, gate = tmp_path / "cache", tmp_path / "gate"
    gate.touch()
    first = start(cache, gate)
    wait_for(lambda: progress(cache) == 60)
    kill(first)
    gate.unlink()
    (path,) = (cache / "prepared").glob(".*.part/progress.json")
    path.write_text(left)
    make(cache)
    assert content(cache) == content(tmp_path / "whole")


def test_a_file_system_without_locks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    make(tmp_path)
    assert "this file system has no locks (No locks available)" in caplog.text
