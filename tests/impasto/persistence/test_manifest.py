"""A checkpoint's manifest: one wrong bit shows, wherever it is."""

import json
import subprocess
import zipfile
from pathlib import Path

import pytest
import torch

from impasto.errors import UserError
from impasto.persistence.checkpoints import newest_good, whole
from impasto.persistence.manifest import Broken, Manifest, check_size, read_manifest, seal, verify
from impasto.rl.replay.files import save_tensors

CONFIG = {"seed": 0, "image": "a \udcff é", "updates": "${task.updates}", "zeros": "0" * 64}


def write(path: Path, update: int = 7, **more: object) -> Path:
    path.parent.mkdir(exist_ok=True)
    manifest = Manifest(update, CONFIG, {"torch": "2"}, **more)  # type: ignore[arg-type]
    with path.open("w+b") as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("some", b"content")
        seal(file, manifest, path)
    return path


def flip(path: Path, byte: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[byte] ^= 1 << bit
    path.write_bytes(content)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ckpt")
    assert verify(path) == read_manifest(path) == Manifest(7, CONFIG, {"torch": "2"})


def test_torch_and_zip_read_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    with path.open("w+b") as file:
        torch.save({"a": torch.arange(1000.0)}, file)
        seal(file, Manifest(3), path)
    for mmap in (False, True):
        loaded = torch.load(path, weights_only=True, mmap=mmap)
        assert torch.equal(loaded["a"], torch.arange(1000.0))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.comment)["update"] == 3
    assert verify(path).update == 3


def test_one_wrong_bit_anywhere(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ckpt")
    size = path.stat().st_size
    for byte in range(size):
        flip(path, byte, byte % 8)
        with pytest.raises(Broken):
            verify(path)
        flip(path, byte, byte % 8)
    verify(path)


def test_cut_off_anywhere_or_longer(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ckpt")
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(Broken):
            verify(path)
    path.write_bytes(content + b"\n")
    with pytest.raises(Broken):
        verify(path)


def test_a_replay_is_part_of_it(tmp_path: Path) -> None:
    entry = save_tensors({"a": torch.arange(9)}, tmp_path / "replay-7-0.safetensors")
    path = write(tmp_path / "a.ckpt", replay=[entry])
    verify(path)
    replay = tmp_path / entry["file"]
    flip(replay, replay.stat().st_size - 1)
    with pytest.raises(Broken, match=f"damaged replay, {entry['file']}"):
        verify(path)
    replay.write_bytes(b"")
    with pytest.raises(Broken, match="damaged replay"):
        verify(path)
    replay.unlink()
    with pytest.raises(Broken, match=f"lacks its replay, {entry['file']}"):
        verify(path)


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "b/c", "", ".."])
def test_a_replay_in_another_folder_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.ckpt", replay=[{"file": name, "sha256": "0" * 64}])
    with pytest.raises(Broken, match=r"replay\.0\.file is"):
        read_manifest(path)


def test_a_config_that_is_too_large_is_refused(tmp_path: Path) -> None:
    large = Manifest(0, {"runs": ["x" * 100] * 600}, {})
    check_size(large, tmp_path, 1)
    with pytest.raises(UserError, match="too large to be kept"):
        check_size(large, tmp_path, 64)  # with a replay of every process
    path = tmp_path / "a.ckpt"
    with path.open("w+b") as file:
        zipfile.ZipFile(file, "w").close()
        with pytest.raises(UserError, match="too large"):
            seal(file, Manifest(0, {"runs": ["x" * 100] * 700}), path)


def test_unzip_prints_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ckpt")
    try:
        done = subprocess.run(["unzip", "-z", path], capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("no unzip here")
    assert b'"updates": "${task.updates}"' in done.stdout


# ---- which one is taken


def test_the_last_one_then_the_one_before_it(tmp_path: Path) -> None:
    last, previous = tmp_path / "last.ckpt", tmp_path / "previous.ckpt"
    with pytest.raises(UserError, match=r"last\.ckpt does not exist; .*previous\.ckpt does not"):
        newest_good(tmp_path)
    write(last, 9)
    write(previous, 5)
    assert newest_good(tmp_path) == (last, verify(last), None)
    flip(last, 3)
    found = newest_good(tmp_path)
    assert found.path == previous
    assert found.remark is not None
    assert found.remark.startswith(f"{last} is damaged")
    assert f"going on from {previous}" in found.remark
    last.unlink()  # as a kill between two renames leaves it
    assert newest_good(tmp_path).path == previous


def test_both_broken(tmp_path: Path) -> None:
    for name in ("last.ckpt", "previous.ckpt"):
        flip(write(tmp_path / name), 3)
    with pytest.raises(UserError, match="start a new run"):
        newest_good(tmp_path)
    best = write(tmp_path / "best.ckpt")
    with pytest.raises(UserError, match=f"`ckpt_path={best}`, which has no replay"):
        newest_good(tmp_path)


def test_a_broken_one_that_was_asked_for_names_the_good_one(tmp_path: Path) -> None:
    previous, last = write(tmp_path / "previous.ckpt"), write(tmp_path / "last.ckpt")
    assert whole(last).path == last
    last.write_bytes(b"")
    with pytest.raises(
        UserError, match=f"cut off or is no checkpoint — `ckpt_path={previous}`, which"
    ):
        whole(last)
    flip(previous, 3)
    with pytest.raises(UserError, match="resume from another one"):
        whole(last)
