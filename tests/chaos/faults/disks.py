"""Disks that are full, and folders that can't be written."""

import os
import subprocess
import time
from pathlib import Path

from tests.chaos.comparing import Lost
from tests.chaos.faults.base import Fault, expect_error, expect_status
from tests.chaos.recipes import Recipe
from tests.chaos.victim import Victim

_SMALL = 8_000  # bytes; pictures are larger


def _bytes_of(victim: Victim) -> dict[str, bytes]:
    """What the checkpoints' folder holds, temporary files apart."""
    folder = victim.last.parent
    if not folder.is_dir():
        return {}
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith(".")}


def _expect_kept(victim: Victim, before: dict[str, bytes]) -> None:
    if _bytes_of(victim) != before:
        raise Lost("what the checkpoints' folder held has changed")


class FileLimit(Fault):
    """No file may grow beyond so many bytes (RLIMIT_FSIZE): checkpoints or pictures don't fit."""

    name = "a full disk (limit on files)"
    share = 6

    def inject(self, victim: Victim) -> None:
        before = _bytes_of(victim)
        largest = max(map(len, before.values()), default=100_000)
        limit = victim.random.choice([_SMALL, largest // 2, largest - 500])
        life = victim.start(fresh=False, file_limit=limit)
        line = expect_error(victim, life, "writ", str(victim.run), "make room")
        victim.note(f"  files of at most {limit} bytes: {line}")
        _expect_kept(victim, before)
        victim.examine(life)
        expect_status(victim, "failed")


class FullDisk(Fault):
    """The file system fills up while the run is at work."""

    name = "a full disk (small file system)"
    share = 4

    def fits(self, recipe: Recipe, disk: bool) -> bool:
        return disk

    def inject(self, victim: Victim) -> None:
        life = victim.start(fresh=False)
        victim.checkpoints(life, 1)
        ballast = victim.folder / "ballast"
        try:
            with ballast.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(65536))
                except OSError as error:
                    victim.note(f"  the file system is full: {error.strerror}")
                line = expect_error(victim, life, "writ", str(victim.run), "make room")
        finally:
            ballast.unlink()
        victim.note(f"  {line}")
        victim.examine(life)


class ReadOnly(Fault):
    """The checkpoints' folder can't be written any more.

    As a mount that is read-only where mounting is allowed, else by its permissions, else, as these
    do not bind an administrator, with a file in its place.
    """

    name = "a read-only folder"
    share = 6

    def inject(self, victim: Victim) -> None:
        life = victim.start(fresh=False)
        victim.checkpoints(life, 1)
        folder = victim.last.parent
        how, undo = _forbid(folder)
        try:
            line = expect_error(victim, life, "writ", str(victim.run))
        finally:
            undo()
        victim.note(f"  {how}: {line}")
        victim.examine(life)
        expect_status(victim, "failed")


def _forbid(folder: Path):  # noqa: ANN202
    """Make a folder unwritable; how, and what undoes it."""
    mounted = private_mounts() and _run("mount", "--bind", str(folder), str(folder))
    if mounted:
        for _ in range(2000):  # busy while a file in it is open for writing
            if _run("mount", "-o", "remount,ro,bind", str(folder)):
                return "mounted read-only", lambda: _run("umount", "-l", str(folder))
            time.sleep(0.005)
        _run("umount", "-l", str(folder))
        raise Lost("the folder could not be made read-only")
    if os.geteuid() != 0:
        folder.chmod(0o555)
        return "mode 555", lambda: folder.chmod(0o755)
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.touch()

    def put_back() -> None:
        folder.unlink()
        aside.rename(folder)

    return "a file in its place", put_back


def _run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


_private = False


def private_mounts() -> bool:
    """Whether mounts of this process are its own, and vanish with it."""
    return _private


def make_mounts_private() -> bool:
    """Leave the machine's mounts alone from now on; False where that isn't allowed."""
    global _private
    import ctypes

    if not hasattr(ctypes.CDLL(None), "unshare"):
        return False
    new_mounts = 0x00020000  # CLONE_NEWNS
    allowed = ctypes.CDLL(None, use_errno=True).unshare(new_mounts) == 0
    _private = allowed and _run("mount", "--make-rprivate", "/")
    return _private


def mount_small(folder: Path, megabytes: int) -> bool:
    """Put a small file system of its own on a folder, in memory."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={megabytes}m"
    return private_mounts() and _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))


def unmount(folder: Path) -> None:
    """Take it away again, with what it holds."""
    _run("umount", "-l", str(folder))
