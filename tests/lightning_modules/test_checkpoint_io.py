"""Checkpoints are written whole or not at all, and read safely."""

import os
import pickle
import resource
from pathlib import Path

import pytest
import torch

from impasto.errors import UserError
from impasto.persistence.manifest import Manifest, seal
from lightning_modules import AtomicCheckpointIO

GOOD = {"state_dict": {"weight": torch.arange(5000.0)}, "n": 3}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "checkpoints" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(GOOD, file)
    return file


def test_what_was_saved_is_loaded(path: Path) -> None:
    loaded = AtomicCheckpointIO().load_checkpoint(path)
    assert torch.equal(loaded["state_dict"]["weight"], GOOD["state_dict"]["weight"])
    assert loaded["n"] == 3
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]


def test_it_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    replace = os.replace

    def rename(old: str, new: str) -> None:
        order.append("rename")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", lambda descriptor: order.append("flush"))
    monkeypatch.setattr(os, "replace", rename)
    AtomicCheckpointIO().save_checkpoint(GOOD, tmp_path / "last.ckpt")
    assert order == ["flush", "rename", "flush"]  # the content, the name, the folder


class Unsaveable:
    """Fails after some of the file was written."""

    def __reduce__(self) -> str:
        raise RuntimeError("disk full")


def test_a_failing_save_leaves_the_old_one(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="disk full"):
        AtomicCheckpointIO().save_checkpoint({"a": torch.ones(100_000), "b": Unsaveable()}, path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.ckpt does not exist"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "gone.ckpt")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_checkpoint_that_was_cut_off(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(UserError, match=r"last\.ckpt is cut off or is no checkpoint"):
        AtomicCheckpointIO().load_checkpoint(path)


NO_CHECKPOINTS = [
    b"hello, this is text",
    b"0",
    b"\x00" * 100,
    b"\x89PNG\r\n\x1a\n" + b"\x00" * 50,
    b"PK\x03\x04" + b"\x00" * 60,
    b"(",
    b".",
    b"\x80\x02.",
    b"cos\nsystem\n(S'x'\ntR.",
    b"[1, 2]",
    b"{}",
    b"I1\n.",
    b"V\xff\n.",
    b"s" * 9,
    b"K" * 9,
    b"X\xff",
    b"G\x01.",
    b"J\x01",
]


@pytest.mark.parametrize("content", NO_CHECKPOINTS, ids=repr)
def test_what_is_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "some.ckpt"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"some\.ckpt"):
        AtomicCheckpointIO().load_checkpoint(file)


@pytest.mark.parametrize("thing", [[1, 2], {"weights": 1}, torch.ones(3), 5], ids=str)
def test_another_file_of_torch(tmp_path: Path, thing: object) -> None:
    torch.save(thing, tmp_path / "some.ckpt")
    with pytest.raises(UserError, match=r"some\.ckpt has no manifest"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "some.ckpt")
    with (tmp_path / "some.ckpt").open("r+b") as file:
        seal(file, Manifest(0), tmp_path)
    with pytest.raises(UserError, match=r"some\.ckpt is no checkpoint"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "some.ckpt")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=tmp_path.name):
        AtomicCheckpointIO().load_checkpoint(tmp_path)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("pwned",)


@pytest.mark.parametrize("weights_only", [True, False, None])
def test_no_code_is_run_from_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights_only: bool | None
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "evil": Evil()}, "zip.ckpt")
    torch.save({"state_dict": {}, "evil": Evil()}, "sealed.ckpt")
    with Path("sealed.ckpt").open("r+b") as file:
        seal(file, Manifest(0), tmp_path)  # its checksum is right
    Path("raw.ckpt").write_bytes(pickle.dumps({"state_dict": {}, "evil": Evil()}))
    for name in ("zip.ckpt", "sealed.ckpt", "raw.ckpt"):
        with pytest.raises(UserError):
            AtomicCheckpointIO().load_checkpoint(name, weights_only=weights_only)
    assert not Path("pwned").exists()


def test_a_damaged_one_names_the_good_one_beside_it(path: Path) -> None:
    previous = path.with_name("previous.ckpt")
    previous.write_bytes(path.read_bytes())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # a weight
    path.write_bytes(content)
    with pytest.raises(
        UserError, match=f"{path} is damaged.* `ckpt_path={previous}`, which is whole"
    ):
        AtomicCheckpointIO().load_checkpoint(path)


def test_one_without_a_manifest_is_an_early_one(tmp_path: Path) -> None:
    torch.save(GOOD, tmp_path / "last.ckpt")
    with pytest.raises(UserError, match=r"has no manifest: .* of this project, or an early one"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "last.ckpt")


def test_what_the_system_said_is_said(tmp_path: Path) -> None:
    """Torch's writer has an error of its own after the system's."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"last\.ckpt can't be written \(File too large\)"):
            AtomicCheckpointIO().save_checkpoint(GOOD, tmp_path / "last.ckpt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())
