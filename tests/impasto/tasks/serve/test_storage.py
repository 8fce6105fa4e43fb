"""The bound on the temporary folder."""

import os
import time
from pathlib import Path

from impasto.tasks.serve.storage import TemporaryStorage

BLOCK = 4096


def put(folder: Path, name: str, age: float, size: int = BLOCK) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - age,) * 2)
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    put(tmp_path, "a/old", 120)
    put(tmp_path, "b/new", 80)
    TemporaryStorage(tmp_path, 1e6, 100).tidy()
    assert names(tmp_path) == {"new"}
    os.utime(tmp_path / "a", (0, 0))  # a folder that nobody is about to use
    TemporaryStorage(tmp_path, 1e6, 100).tidy()
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_the_oldest_go_until_the_rest_is_not_too_much(tmp_path: Path) -> None:
    for age in range(1, 6):
        put(tmp_path, f"{age}/{age}", age)
    put(tmp_path, "empty", 6, 0)  # and takes a block all the same
    TemporaryStorage(tmp_path, 3 * BLOCK, 100).tidy()
    assert names(tmp_path) == {"1", "2", "3"}
    put(tmp_path, "huge", 0, 9 * BLOCK)
    TemporaryStorage(tmp_path, 3 * BLOCK, 100).tidy()
    assert names(tmp_path) == set()


def test_what_is_coming_in_has_its_room(tmp_path: Path) -> None:
    storage = TemporaryStorage(tmp_path, 4 * BLOCK, 100)
    put(tmp_path, "before", 1, 2 * BLOCK)
    assert storage.reserve(2 * BLOCK)
    assert names(tmp_path) == {"before"}
    assert storage.reserve(2 * BLOCK)
    assert names(tmp_path) == set()
    assert not storage.reserve(1)
    storage.release(2 * BLOCK)
    assert storage.reserve(1)
