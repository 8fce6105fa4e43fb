"""Image files of a data set: fingerprint and items."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.cache.image_cache import Items
from impasto.io.images import read_image


def fingerprint_files(root: Path, paths: Sequence[Path]) -> dict[str, object]:
    """Describe files by their names below ``root``, sizes and times of change.

    Args:
        root: What the names are relative to, so that a moved set stays the same set.
        paths: The files, in the order that matters.

    Returns:
        The count and a digest, as JSON.
    """
    digest = hashlib.sha256()
    for path in paths:
        about = path.stat() if path.exists() else path.lstat()  # of a link to nothing, its own
        line = f"{path.relative_to(root).as_posix()}\0{about.st_size}\0{about.st_mtime_ns}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return {"files": len(paths), "digest": digest.hexdigest()}


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
