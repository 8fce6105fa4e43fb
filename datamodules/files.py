"""Image files of a data set: their folder, fingerprint and items; keys of caches."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.items import Items
from impasto.errors import UserError
from impasto.io.images import read_image


def checked_root(root: str, cache: Path) -> Path:
    """Check that the root exists, is not empty and would not be written to."""
    path = Path(root).expanduser()
    if not root:  # which pathlib takes for the current folder
        raise UserError("`root` is given, but empty", "give the folder that holds the data set")
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "no such folder"
        raise UserError(f"`root={root}`: {what}", "give the folder that holds the data set")
    if not any(path.iterdir()):
        raise UserError(f"`root={root}`: the folder is empty", "put the data set there")
    if cache.resolve().is_relative_to(path.resolve()):
        raise UserError(
            f"`cache={cache}` lies in `root={root}`, which is only ever read",
            "give another folder as `cache`",
        )
    return path


def digest(content: Mapping[str, object]) -> str:
    """Return the key of what is kept: sixteen hexadecimal digits, a function of the content.

    Args:
        content: All that it depends on, as JSON.
    """
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint_files(root: Path, paths: Sequence[Path]) -> dict[str, object]:
    """Describe files by their names below ``root``, sizes and times of change.

    Args:
        root: What the names are relative to, so that a moved set stays the same set.
        paths: The files, in the order that matters.

    Returns:
        The count and a digest, as JSON.
    """
    summed = hashlib.sha256()
    for path in paths:
        about = path.stat() if path.exists() else path.lstat()  # of a link to nothing, its own
        line = f"{path.relative_to(root).as_posix()}\0{about.st_size}\0{about.st_mtime_ns}\n"
        summed.update(line.encode("utf-8", "surrogateescape"))
    return {"files": len(paths), "digest": summed.hexdigest()}


def file_items(
    root: Path,
    paths: Sequence[Path],
    parts: NDArray[np.int8] | None = None,
    labels: NDArray[np.int64] | None = None,
    classes: Sequence[str] | None = None,
) -> Items:
    """Return files as the items of a set; the arguments are those of ``Items``."""
    return Items(
        names=[path.relative_to(root).as_posix() for path in paths],
        # The names stay in the process that has them; there may be millions.
        fetch=lambda numbers: [paths[number] for number in numbers],
        read=read_image,
        parts=parts,
        labels=labels,
        classes=classes,
    )
