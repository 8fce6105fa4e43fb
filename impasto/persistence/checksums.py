"""SHA-256 sums of files, in the form in which `sha256sum` writes them."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from impasto.errors import UserError
from impasto.io.files import WEIGHTS, open_file, read_text

CHECKSUMS = "SHA256SUMS"


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Write ``SHA256SUMS`` of these files of a folder."""
    lines = [f"{sha256(folder / name)}  {name}\n" for name in sorted(names)]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def verify_checksums(folder: Path, names: Iterable[str]) -> None:
    """Compare a folder's files with its ``SHA256SUMS``, if it has one.

    Args:
        folder: The folder.
        names: Files that have to be listed there, and nothing else may.

    Raises:
        UserError: A file is not the one that is listed, is missing, or is not listed.
    """
    listed = folder / CHECKSUMS
    if not os.path.lexists(listed):  # a link to nothing is damage
        return
    present = set(names)
    lines = [line.split() for line in read_text(listed).splitlines()]
    sums = {line[-1]: line[0] for line in lines if line}
    for name in sorted(present | sums.keys()):
        if name not in present or sums.get(name) != sha256(folder / name):
            raise UserError(
                f"{folder / name} is not the file that {CHECKSUMS} beside it lists",
                "get the folder again: it is damaged, or was changed",
            )


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file of weights, in hexadecimal digits."""
    with open_file(path, WEIGHTS) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
