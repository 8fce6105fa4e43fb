"""Choice of a good checkpoint in a folder, without torch."""

from pathlib import Path
from typing import NamedTuple

from impasto.errors import UserError
from impasto.persistence.manifest import Broken, Manifest, read_manifest, verify

LAST = "last.ckpt"
PREVIOUS = "previous.ckpt"
BEST = "best.ckpt"
_CHOICE = (LAST, PREVIOUS)


class Good(NamedTuple):
    """An undamaged checkpoint.

    Attributes:
        path: Where it lies.
        manifest: What it says of itself.
        remark: A line on what is broken, and was passed over for it; None if nothing was.
    """

    path: Path
    manifest: Manifest
    remark: str | None = None


def has_checkpoint(folder: Path) -> bool:
    """Return True if a folder has a checkpoint that a run may go on from, broken or not."""
    return any((folder / name).exists() for name in _CHOICE)


def written(folder: Path) -> Manifest | None:
    """Return the manifest of a folder's newest checkpoint, whole or not; None if there is none."""
    for name in _CHOICE:
        try:
            return read_manifest(folder / name)
        except Broken:
            continue
    return None


def newest_good(folder: Path) -> Good:
    """Return the last checkpoint of a folder, or the one before it if that is broken.

    Names alone say which is newer, whatever clocks said: see `durable_write`.

    Raises:
        UserError: There is none, or none is whole.
    """
    passed: list[str] = []
    for name in _CHOICE:
        path = folder / name
        try:
            manifest = verify(path)
        except Broken as error:
            passed.append(f"{path} {error}")
            continue
        remark = f"{passed[0]}; going on from {path}, the one before it" if passed else None
        return Good(path, manifest, remark)
    best = folder / BEST
    todo = f"`ckpt_path={best}`, which has no replay" if is_whole(best) else "start a new run"
    raise UserError("; ".join(passed), todo)


def whole(path: Path) -> Good:
    """Check a checkpoint that was asked for by its name.

    Raises:
        UserError: It is broken; the good one beside it is named.
    """
    try:
        return Good(path, verify(path))
    except Broken as error:
        raise UserError(f"{path} {error}", beside(path)) from error


def beside(path: Path) -> str:
    """Return advice for a broken checkpoint: to resume from the good one beside it, if any."""
    for name in (*_CHOICE, BEST):
        other = path.with_name(name)
        if other != path and is_whole(other):
            return f"`ckpt_path={other}`, which is whole"
    return "resume from another one"


def is_whole(path: Path) -> bool:
    """Return True if a checkpoint exists and is undamaged."""
    try:
        verify(path)
    except Broken:
        return False
    return True
