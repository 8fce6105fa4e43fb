"""Manifest of a checkpoint, and the check that the file is whole; needs no torch.

A checkpoint is a zip file, as torch writes it. Its manifest is the file's comment, which every
reader of zip files skips: ``unzip -z last.ckpt`` prints it. It is JSON::

    {"impasto": 1, "sha256": …, "update": 5000, "config": {…}, "versions": {…},
     "replay": [{"file": "replay-5000-0-1a2b3c4d.safetensors", "sha256": …}], "check": …}

``sha256`` is that of everything before the comment, ``check`` that of the comment itself, with
zeros in the place of the sum; so a single wrong bit shows wherever it is.
"""

import hashlib
import json
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

from impasto.errors import UserError, brief, first_line
from impasto.io.files import open_file

_PACKAGES = ("torch", "pytorch-lightning", "numpy", "impasto")


def versions() -> dict[str, str]:
    """Return the versions of Python and the installed packages, without importing them."""
    by_name = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            by_name[package] = version(package)
        except PackageNotFoundError:  # this project itself, run from where it lies
            continue
    return by_name


FORMAT = 1
_END = b"PK\x05\x06"  # the zip's last record, 22 bytes; its last two are the comment's length
_END_BYTES = 22
_LARGEST = 0xFFFF
_UNKNOWN = "0" * 64
_CUT_OFF = "is cut off or is no checkpoint"


class Broken(ValueError):
    """A checkpoint that can't be resumed; the text says why, after the file's name."""


@dataclass(frozen=True)
class Manifest:
    """Metadata of a checkpoint.

    Attributes:
        update: Updates made when it was saved.
        config: The run's composed config as plain containers, interpolations unresolved; None if
            the run had none.
        versions: Of Python and of the packages that matter.
        replay: Names and sums of the replay files beside it, one per rank; None if it has none.
    """

    update: int
    config: dict[str, Any] | None = None
    versions: Mapping[str, str] | None = None
    replay: list[dict[str, str]] | None = None


def seal(file: BinaryIO, manifest: Manifest, path: Path) -> None:
    """Write a manifest into a zip file that is whole but has none.

    Args:
        file: Open for writing and reading.
        manifest: What to write.
        path: What the file is called, for the error.

    Raises:
        UserError: It is larger than a zip file's comment may be.
    """
    end = file.seek(0, 2)
    content = _content(manifest)
    length = _checked_length(content, path)
    file.seek(end - 2)
    file.write(length.to_bytes(2, "little"))
    file.seek(0)
    content["sha256"] = _digest(file, end)
    text = json.dumps(content).encode()
    file.seek(end)
    file.write(text[: -len(_UNKNOWN) - 2] + hashlib.sha256(text).hexdigest().encode() + text[-2:])


def check_size(manifest: Manifest, path: Path, replays: int) -> None:
    """Refuse what would not fit, before hours of work depend on it.

    Args:
        manifest: As it will be, without replays.
        path: What the file will be called.
        replays: How many there will be.

    Raises:
        UserError: It is larger than a zip file's comment may be.
    """
    entries = [{"file": "replay-123456789-1234-12345678.safetensors", "sha256": _UNKNOWN}]
    _checked_length(_content(replace(manifest, update=10**9, replay=entries * replays)), path)


def read_manifest(path: Path) -> Manifest:
    """Read a checkpoint's manifest, without checking that the rest of the file is whole.

    Raises:
        Broken: There is no such file, or its manifest is damaged or missing.
    """
    return _read(path)[0]


def verify(path: Path) -> Manifest:
    """Read a whole checkpoint, and the replay beside it, and compare them with the manifest.

    Raises:
        Broken: Something is missing, cut off or changed.
    """
    manifest, sha256, end = _read(path)
    if _sha256(path, end) != sha256:
        raise Broken("is damaged: its content is not what its checksum says")
    for entry in manifest.replay or ():
        replay = path.parent / entry["file"]
        if not replay.is_file():
            raise Broken(f"lacks its replay, {entry['file']}")
        if _sha256(replay) != entry["sha256"]:
            raise Broken(f"has a damaged replay, {entry['file']}")
    return manifest


def _content(manifest: Manifest) -> dict[str, Any]:
    return {"impasto": FORMAT, "sha256": _UNKNOWN, **vars(manifest), "check": _UNKNOWN}


def _checked_length(content: dict[str, Any], path: Path) -> int:
    length = len(json.dumps(content))
    if length > _LARGEST:
        raise UserError(
            f"{path}: the config is too large to be kept in a checkpoint ({length} bytes; "
            f"{_LARGEST} fit)",
            "shorten its longest lists, such as by a file that holds them",
        )
    return length


def _read(path: Path) -> tuple[Manifest, str, int]:
    """Read the manifest, the checksum of what is before it, and its offset."""
    try:
        with open_file(path) as file:
            size = file.seek(0, 2)
            start = file.seek(max(0, size - _LARGEST - _END_BYTES))
            tail = file.read()
    except FileNotFoundError as error:
        raise Broken("does not exist") from error
    except OSError as error:
        raise Broken(f"can't be read ({error.strerror})") from error
    at = tail.rfind(_END)
    comment = tail[at + _END_BYTES :]
    announced = tail[at + _END_BYTES - 2 : at + _END_BYTES]
    if at < 0 or len(comment) != int.from_bytes(announced, "little"):
        raise Broken(_CUT_OFF)
    if not comment:
        raise Broken("has no manifest: it is no checkpoint of this project, or an early one")
    content = _parsed(comment)
    known = {key: content[key] for key in ("update", "config", "versions", "replay")}
    return Manifest(**known), content["sha256"], start + at + _END_BYTES


def _parsed(comment: bytes) -> dict[str, Any]:
    """Parse a manifest, and verify its own checksum."""
    damaged = Broken("is damaged: its manifest is not what its checksum says")
    match = re.search(rb'"check": "([0-9a-f]{64})"}$', comment)
    if match is None:
        raise damaged
    blank = comment[: match.start(1)] + _UNKNOWN.encode() + comment[match.end(1) :]
    if hashlib.sha256(blank).hexdigest().encode() != match[1]:
        raise damaged
    return _checked(comment)


def _checked(comment: bytes) -> dict[str, Any]:
    """Parse a manifest, and validate it against its schema."""
    from impasto.persistence import schemas

    try:
        content: dict[str, Any] = json.loads(comment)
    except (ValueError, RecursionError) as error:  # also what is not UTF-8
        raise Broken(f"is damaged: its manifest is not JSON ({first_line(error)})") from error
    version = content.get("impasto", FORMAT) if isinstance(content, dict) else FORMAT
    if version != FORMAT:
        raise Broken(f"was written by another version (format {brief(version)}, not {FORMAT})")
    if wrong := schemas.fault(schemas.Manifest, content):
        raise Broken(f"is damaged: its manifest {wrong[0]}, and {wrong[1]}")
    return content


def _sha256(path: Path, length: int | None = None) -> str:
    """Return the SHA-256 of a file, or of its beginning."""
    try:
        with open_file(path) as file:
            return _digest(file, os.fstat(file.fileno()).st_size if length is None else length)
    except OSError as error:
        raise Broken(f"can't be read ({error.strerror})") from error


def _digest(file: BinaryIO, length: int) -> str:
    """Return the digest of the next bytes of a file."""
    digest = hashlib.sha256()
    while length and (piece := file.read(min(length, 1 << 20))):
        digest.update(piece)
        length -= len(piece)
    return digest.hexdigest()
