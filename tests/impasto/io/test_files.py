"""Reading files that a user names."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from impasto.io import files
from impasto.io.files import Unsuitable, open_file, read_bytes, read_json, read_rows, read_yaml
from impasto.runtime import memory


def test_a_file_is_read_whole_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "it").write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to("it")
    assert read_bytes(tmp_path / "link", 10) == b"0123456789"
    with open_file(tmp_path / "it") as file:
        assert file.read(3) == b"012"


def test_a_size_is_asked_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "it").write_bytes(b"0123456789")
    with pytest.raises(Unsuitable, match="it is 10 bytes large, more than the 9 bytes that are"):
        read_bytes(tmp_path / "it", 9)
    monkeypatch.setattr(memory, "_LITTLE", 1)
    monkeypatch.setattr(memory, "available_bytes", lambda: 11)
    with pytest.raises(Unsuitable, match="more than there is memory for"):
        read_bytes(tmp_path / "it", 10)
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(Unsuitable, match=r"huge is 1\.1 TB large"):
        open_file(tmp_path / "huge", files.WEIGHTS)


def test_what_is_no_file_is_neither_opened_nor_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    server = socket.socket(socket.AF_UNIX)
    server.bind("socket")
    Path("dangling").symlink_to("nowhere")
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("it was opened"))
    for name, kind in {
        "pipe": "a pipe",
        "socket": "a socket",
        "/dev/zero": "a device",
        ".": "a folder",
    }.items():
        with pytest.raises(Unsuitable, match=f"is {kind}, not a file"):
            open_file(name)
    with pytest.raises(FileNotFoundError):
        open_file("dangling")
    server.close()


def test_what_takes_a_files_place_after_the_first_look_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    seen = os.stat(tmp_path / "file")
    monkeypatch.setattr(os, "stat", lambda path: seen)
    with pytest.raises(Unsuitable, match="a pipe, not a file"):
        open_file(tmp_path / "pipe")


TEN_TO_THE_TENTH = "a0: &a0 [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]\n" + "".join(
    f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_json, b"{"),
        (read_json, b"\xff"),
        (read_json, b"[" * 100_000),
        (read_yaml, b"a: ["),
        (read_yaml, b"\xff"),
        (read_yaml, b"\0"),
        (read_yaml, b"[" * 100_000),  # which ends a process where PyYAML's loader in C goes into it
        (read_yaml, b"- " * 100_000),
        (read_yaml, b"a: &a [*a]"),
        (read_yaml, TEN_TO_THE_TENTH.encode()),
        (read_yaml, TEN_TO_THE_TENTH.replace("[*", "{<<: [*").replace("]", "]}").encode()),
        (read_yaml, b"a: " + b":".join([b"1"] * 1_000_000)),  # a number to the base of 60
        (read_yaml, b"a: !!timestamp x"),
        (read_yaml, b"a: !!bool x"),
        (read_yaml, b"a: 1:" + b":".join([b"1"] * 500) + b".5"),
        (read_yaml, b"!!python/name:os x"),
        (lambda path: list(read_rows(path)), b"a\n" + b"x" * 200_000),
        (lambda path: list(read_rows(path)), b"\xff"),
    ],
)
def test_what_can_not_be_read_is_a_value_error(
    read: Callable[[Path], Any], text: bytes, tmp_path: Path
) -> None:
    (tmp_path / "it").write_bytes(text)
    with pytest.raises(ValueError, match=r"\w") as caught:
        read(tmp_path / "it")
    assert not isinstance(caught.value, OSError)


def test_contents(tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_text("a: &x {b: [1, 2.5, ä]}\nc: *x\nd: " + "1" * 3000)
    assert read_yaml(path) == {
        "a": {"b": [1, 2.5, "ä"]},
        "c": {"b": [1, 2.5, "ä"]},
        "d": int("1" * 3000),
    }
    path.write_text('{"a": [1]}')
    assert read_json(path) == {"a": [1]}
    path.write_text('a,b\r\n1,"x\ny"\r\n2\r\n', newline="")
    assert list(read_rows(path)) == [{"a": "1", "b": "x\ny"}, {"a": "2", "b": None}]
