"""Images decoded and resized once, kept in a memory-mapped file."""

import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from painting.errors import UserError
from painting.images import resize_image

_log = logging.getLogger(__name__)

# Part of every key: to be raised when decoding or resizing changes what is stored.
_VERSION = 1
# Decoded images that are held in memory at a time.
_CHUNK = 256
_NAMED = 5


@dataclass(frozen=True)
class Items:
    """The images of a set before they are decoded.

    Attributes:
        names: What to call each image in a warning.
        read: Gives an image by its number, ``(H, W, 3)`` uint8 RGB of any size; raises
            ``UserError`` where it is broken. Called from several threads.
        parts: ``(N,)`` int8 of TRAIN, VAL or TEST where the set defines its splits.
        labels: ``(N,)`` int64 where the set has labels; -1 where one is missing.
        classes: Names of the labels.
    """

    names: Sequence[str]
    read: Callable[[int], NDArray[np.uint8]]
    parts: NDArray[np.int8] | None = None
    labels: NDArray[np.int64] | None = None
    classes: Sequence[str] | None = None


class ImageCache:
    """A prepared set: ``images.npy`` ``(N, 3, H, W)`` uint8 and what is known of each image.

    The file is mapped, never loaded: what is read counts as file memory, which the system takes
    back when it needs it. A worker process opens it anew.

    Args:
        folder: A folder that ``prepare`` made.

    Attributes:
        valid: ``(N,)`` bool, False for a broken image, whose row is black.
        parts: As in ``Items``.
        labels: As in ``Items``.
        classes: As in ``Items``.
        skipped: Names of the broken images.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        about = json.loads((folder / "cache.json").read_text(encoding="utf-8"))
        self.classes: list[str] | None = about["classes"]
        self.skipped: list[str] = [entry["name"] for entry in about["skipped"]]
        with np.load(folder / "items.npz") as items:
            self.valid: NDArray[np.bool_] = items["valid"]
            self.parts: NDArray[np.int8] | None = items.get("parts")
            self.labels: NDArray[np.int64] | None = items.get("labels")
        self._images: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        """Count the rows, broken images included."""
        return len(self.valid)

    def __getstate__(self) -> dict[str, object]:
        """Leave the mapping out of a pickle, which would hold the whole file."""
        return {**self.__dict__, "_images": None}

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """Copy images out of the file.

        Args:
            rows: ``(B,)`` row numbers.

        Returns:
            ``(B, 3, H, W)`` uint8.
        """
        if self._images is None:
            self._images = np.load(self.folder / "images.npy", mmap_mode="r")
        return torch.from_numpy(np.asarray(self._images[rows]))


def prepare(
    cache: Path,
    name: str,
    canvas_size: int,
    fingerprint: Mapping[str, object],
    load: Callable[[], Items],
) -> ImageCache:
    """Open the prepared set, or make it first.

    Args:
        cache: The folder of all prepared sets.
        name: The set's name.
        canvas_size: Pixels on a side.
        fingerprint: What goes in, as JSON; other contents must give another fingerprint.
        load: Gives the images where they have to be prepared.

    Returns:
        The prepared set.

    Raises:
        UserError: The folder cannot be written, the disk is too small or no image is readable.
    """
    what = {"version": _VERSION, "from": fingerprint}
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]
    folder = cache / "prepared" / f"{name}-{canvas_size}px-{digest}"
    if not _complete(folder):
        items = load()
        temporary = folder.with_name(f".{uuid.uuid4().hex[:12]}.tmp")
        try:
            temporary.mkdir(parents=True)
            _check_space(temporary, len(items.names) * 3 * canvas_size**2)
            _write(temporary, name, canvas_size, items)
            _move_into_place(temporary, folder)
        except OSError as error:
            raise UserError(
                f"data.cache={cache}: cannot be written ({error.strerror})",
                "give a folder that can, with data.cache=FOLDER",
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    opened = ImageCache(folder)
    _warn_of_skipped(name, opened)
    return opened


def _complete(folder: Path) -> bool:
    return all((folder / file).is_file() for file in ("images.npy", "items.npz", "cache.json"))


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"data.cache: the images need {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free",
            "make room, give another data.cache or a smaller canvas.size",
        )


def _move_into_place(temporary: Path, folder: Path) -> None:
    """Rename the finished folder; where another process was faster, keep what it made."""
    if folder.exists() and not _complete(folder):
        shutil.rmtree(folder)
    try:
        os.rename(temporary, folder)
    except OSError:
        if not _complete(folder):
            raise


def _write(folder: Path, name: str, canvas_size: int, items: Items) -> None:
    """Decode everything into ``folder``, a chunk at a time."""
    count = len(items.names)
    skipped: dict[int, str] = {}

    def decode(number: int) -> NDArray[np.uint8]:
        try:
            image = resize_image(items.read(number), canvas_size, canvas_size)
        except UserError as error:
            skipped[number] = str(error)
            image = np.zeros((canvas_size, canvas_size, 3), np.uint8)
        return image.transpose(2, 0, 1)  # (3, H, W)

    header = {
        "descr": "|u1",
        "fortran_order": False,
        "shape": (count, 3, canvas_size, canvas_size),
    }
    # Plain writes, not writes through a mapping: on a full disk those raise, these would crash.
    with (
        (folder / "images.npy").open("wb") as file,
        ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool,
        tqdm(total=count, desc=f"Preparing {name} at {canvas_size} px", unit="image") as bar,
    ):
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, count, _CHUNK):
            numbers = range(start, min(start + _CHUNK, count))
            file.write(np.stack(list(pool.map(decode, numbers))).tobytes())
            bar.update(len(numbers))
    if len(skipped) == count:
        raise UserError(
            f"data.root: none of the {count} images of {name} is readable; the first: "
            f"{skipped.get(0, 'there is none')}",
            "give the set in its original layout",
        )
    _write_about(folder, items, skipped)


def _write_about(folder: Path, items: Items, skipped: Mapping[int, str]) -> None:
    valid = np.ones(len(items.names), bool)
    valid[sorted(skipped)] = False
    arrays: dict[str, Any] = {"valid": valid, "parts": items.parts, "labels": items.labels}
    np.savez(folder / "items.npz", **{k: v for k, v in arrays.items() if v is not None})
    about = {
        "classes": None if items.classes is None else list(items.classes),
        "skipped": [{"name": items.names[i], "reason": skipped[i]} for i in sorted(skipped)],
    }
    (folder / "cache.json").write_text(json.dumps(about, indent=1), encoding="utf-8")


def _warn_of_skipped(name: str, cache: ImageCache) -> None:
    if cache.skipped:
        named = ", ".join(cache.skipped[:_NAMED])
        more = len(cache.skipped) - _NAMED
        rest = f" and {more} more, all in {cache.folder / 'cache.json'}" if more > 0 else ""
        count = len(cache.skipped)
        _log.warning("%s: %d broken image(s) skipped: %s%s", name, count, named, rest)
