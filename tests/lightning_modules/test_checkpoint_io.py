"""Checkpoints are written whole or not at all, and read without running code."""

import pickle
from pathlib import Path

import pytest
import torch

from lightning_modules import AtomicCheckpointIO
from painting.errors import UserError


class Trap:
    """Would run code when unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("code ran",)


def good(path: Path) -> Path:
    AtomicCheckpointIO().save_checkpoint({"state_dict": {"w": torch.arange(9000.0)}}, path)
    return path


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    path = good(tmp_path / "new" / "a.ckpt")
    read = AtomicCheckpointIO().load_checkpoint(path)
    assert torch.equal(read["state_dict"]["w"], torch.arange(9000.0))
    assert [entry.name for entry in path.parent.iterdir()] == ["a.ckpt"]


def test_a_failure_keeps_the_old_one(tmp_path: Path) -> None:
    path = good(tmp_path / "a.ckpt")
    before = path.read_bytes()
    with pytest.raises((AttributeError, pickle.PicklingError)):
        AtomicCheckpointIO().save_checkpoint({"state_dict": lambda: None}, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ckpt"]


@pytest.mark.parametrize("damage", ["missing", "cut", "text", "empty", "other", "code"])
def test_what_is_no_checkpoint_is_named(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = good(tmp_path / "a.ckpt")
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-2000])
    elif damage == "text":
        path.write_text("not a checkpoint")
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "other":
        torch.save({"weights": torch.ones(3)}, path)
    else:
        torch.save({"state_dict": {}, "trap": Trap()}, path)
    with pytest.raises(UserError, match=r"a\.ckpt"):
        AtomicCheckpointIO().load_checkpoint(path)
    assert "code ran" not in capsys.readouterr().out
