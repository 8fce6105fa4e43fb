"""Files are whole and on the disk, or not there."""

import os
import resource
import shutil
import signal
from pathlib import Path

import pytest

from impasto.errors import UserError
from impasto.persistence.atomic import durable_write, remove_leftovers, temporary_name


class Killed(BaseException):
    """The process is gone."""


def save(path: Path, content: bytes, previous: Path | None = None) -> None:
    with durable_write(path, previous) as draft:
        draft.file.write(content)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_old_one_is_kept_under_another_name(tmp_path: Path) -> None:
    last, previous = tmp_path / "new" / "last.ckpt", tmp_path / "new" / "previous.ckpt"
    for content in (b"1", b"2", b"3"):
        save(last, content, previous)
    assert (last.read_bytes(), previous.read_bytes()) == (b"3", b"2")
    assert names(last.parent) == ["last.ckpt", "previous.ckpt"]


@pytest.mark.parametrize("call", range(5))
def test_a_kill_at_any_call_to_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """Flush, rename, rename, flush; whatever was reached, the newest whole one is told by name."""
    last, previous = tmp_path / "last.ckpt", tmp_path / "previous.ckpt"
    save(last, b"1", previous)
    save(last, b"2", previous)
    calls: list[str] = []

    def counted(name: str) -> None:
        function = getattr(os, name)

        def stand_in(*arguments: object) -> None:
            if len(calls) == call:
                raise Killed
            calls.append(name)
            function(*arguments)

        monkeypatch.setattr(os, name, stand_in)

    for name in ("fsync", "replace"):
        counted(name)
    try:
        save(last, b"3", previous)
    except Killed:
        pass
    else:
        assert calls == ["fsync", "replace", "replace", "fsync"]
        assert call == 4
    newest = last if last.exists() else previous
    assert newest.read_bytes() == (b"3" if call > 2 else b"2")
    if last.exists():
        assert previous.read_bytes() < last.read_bytes()


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """Here a limit on a file's size."""
    last, previous = tmp_path / "last.ckpt", tmp_path / "previous.ckpt"
    save(last, b"1", previous)
    save(last, b"2", previous)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"last\.ckpt can't be written \(File too large\)"):
            save(last, b"x" * 5000, previous)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert (last.read_bytes(), previous.read_bytes()) == (b"2", b"1")
    assert names(tmp_path) == ["last.ckpt", "previous.ckpt"]


def test_a_disk_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last, previous = tmp_path / "last.ckpt", tmp_path / "previous.ckpt"
    save(last, b"1")
    for call in ("fsync", "replace"):

        def refuse(*_: object) -> None:
            raise OSError(30, "Read-only file system")

        with monkeypatch.context() as patch:
            patch.setattr(os, call, refuse)
            with pytest.raises(UserError, match=r"can't be written \(Read-only file system\)"):
                save(last, b"2", previous)
        assert names(tmp_path) == ["last.ckpt"]
        assert last.read_bytes() == b"1"


def test_what_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="can't be written"):
        save(tmp_path / "file" / "last.ckpt", b"1")


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    save(tmp_path / "last.ckpt", b"1")
    with durable_write(tmp_path / "last.ckpt") as draft:
        draft.file.write(b"half")
        draft.file.flush()
        shutil.copy(draft.file.name, temporary_name(tmp_path / "last.ckpt"))  # as if it stayed
    assert len(names(tmp_path)) == 2
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ["last.ckpt"]
