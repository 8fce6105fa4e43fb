"""Pictures in one .zip file, read without unpacking it."""

import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.files import fingerprint_files
from datamodules.items import Items
from impasto.errors import UserError
from impasto.io.decoding import decode_image

_MOST_BYTES = 1 << 26  # of one picture; a packed one can hold a thousand times its own size
# What the reader raises on what is damaged, encrypted or packed in a way that it does not know.
_UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error)


class Zipped:
    """The pictures of a .zip file; nothing is unpacked.

    Args:
        path: The file.
        is_member: True for the path of a member that is a picture of the set.
        describe: Says what they are, as if the file were a folder.
    """

    def __init__(
        self, path: Path, is_member: Callable[[Path], bool], describe: Callable[[list[Path]], Items]
    ) -> None:
        self._path = path
        self._is_member = is_member
        self._describe = describe

    def fingerprint(self) -> Mapping[str, object]:
        """Name the file."""
        return {"zip": fingerprint_files(self._path.parent, [self._path])}

    def items(self) -> Items:
        """Give the pictures.

        Raises:
            UserError: The file is damaged or holds none of the set.
        """
        if not self._members:
            raise UserError(f"{self._path}: no picture of the set is in it", "get the file anew")
        items = self._describe([self._path / one.filename.lstrip("/") for one in self._members])
        return replace(items, fetch=self._fetch, read=_read)

    @cached_property
    def _members(self) -> list[zipfile.ZipInfo]:
        members = [one for one in self._file.infolist() if self._is_member(Path(one.filename))]
        return sorted(members, key=lambda one: one.filename)

    @cached_property
    def _file(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self._path)
        except _UNREADABLE as error:
            what = f"{self._path}: damaged or no .zip file ({error})"
            raise UserError(what, "get the file anew from where it came") from error

    def _fetch(self, numbers: Sequence[int]) -> list[tuple[str, bytes | str]]:
        """Give each picture's name with its bytes, or why they cannot be had."""
        return [self._fetch_one(self._members[number]) for number in numbers]

    def _fetch_one(self, member: zipfile.ZipInfo) -> tuple[str, bytes | str]:
        name = f"{self._path}: {member.filename}"
        if member.file_size > _MOST_BYTES:
            return name, f"more than {_MOST_BYTES} bytes"
        try:
            return name, self._file.read(member)
        except _UNREADABLE as error:
            return name, str(error)


def _read(given: tuple[str, bytes | str]) -> NDArray[np.uint8]:
    name, data = given
    if isinstance(data, str):
        raise UserError(f"{name}: cannot be read ({data})", "get the file anew")
    return decode_image(data, name)
