"""Temporary names, what is left of them, and what a full disk says."""

import errno
import resource
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from impasto.persistence.atomic import atomic_write, named_errors, remove_leftovers, temporary_name
from impasto.persistence.exports import write_export


def test_only_what_was_left_behind_is_removed(tmp_path: Path) -> None:
    file, folder = temporary_name(tmp_path / "a.png"), temporary_name(tmp_path / "agent")
    assert file.suffix == ".png"
    file.touch()
    folder.mkdir()
    (folder / "weights").touch()
    kept = {".hydra", ".mine.tmp", "a.png", "0123456789ab.tmp", ".0123456789ab.tmp.a.b"}
    for name in kept:
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept
    remove_leftovers(tmp_path / "nowhere")


def test_a_full_disk_is_named_whatever_a_library_says(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"

    def save() -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")  # of a write, which has no name
        except OSError:
            raise RuntimeError("unexpected pos 64 vs 0")  # noqa: B904 - as torch's writer does

    with pytest.raises(OSError, match="No space left") as caught, atomic_write(path):
        save()
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError("a bug"), FileNotFoundError(2, "no", "other.txt")])
def test_other_errors_stay_as_they_are(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as caught, named_errors(tmp_path / "a.bin"):
        raise error
    assert caught.value is error


def test_an_export_that_does_not_fit_leaves_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    write_export(folder, {"a": 1}, {"weight": torch.zeros(3)})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            write_export(folder, {"a": 2}, {"weight": torch.zeros(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(folder))
    assert [path.name for path in tmp_path.iterdir()] == ["agent"]
    assert (folder / "config.yaml").read_text() == "a: 1\n"
    save_file({"weight": torch.zeros(3)}, tmp_path / "same")
    assert (folder / "weights.safetensors").read_bytes() == (tmp_path / "same").read_bytes()
