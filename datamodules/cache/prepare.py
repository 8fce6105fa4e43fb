"""Making the file of prepared images: by all cores, once, and going on where it was left.

Locks let one process at a time do so; what dead processes left is removed.
"""

import contextlib
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.cache.image_cache import HeldOut, ImageCache
from datamodules.cache.writer import CacheWriter
from datamodules.files import digest
from datamodules.growing_files import PROGRESS
from datamodules.items import Items
from impasto.errors import UserError
from impasto.persistence.atomic import remove_leftovers
from impasto.persistence.locks import lock

_log = logging.getLogger(__name__)

# Part of every key: to be raised when decoding or resizing changes what is stored.
_VERSION = 1
_NAMED = 5


def prepare(
    cache: Path,
    name: str,
    canvas_size: int,
    fingerprint: Mapping[str, object],
    load: Callable[[], Items],
) -> ImageCache:
    """Open the prepared set, or make it first, or wait until another process has made it.

    What was done before a stop, whatever stopped it, is kept and gone on with. The result is the
    same, bit for bit, however often that happens.

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
    key = digest({"version": _VERSION, "from": fingerprint})
    folder = cache / "prepared" / f"{name}-{canvas_size}px-{key}"
    if not _complete(folder):
        try:
            _make(folder, name, canvas_size, load)
        except OSError as error:
            raise UserError(
                f"`cache={cache}`: cannot be written ({error.strerror})",
                "make room or give another folder with `cache=FOLDER`; "
                "in the same folder, what is prepared already is kept",
            ) from error
    opened = ImageCache(folder)
    _warn_of_skipped(name, opened)
    return opened


def prepare_held_out(
    cache: Path,
    name: str,
    canvas_size: int,
    fingerprint: Mapping[str, object],
    items: Items,
    rows: NDArray[np.int64],
) -> HeldOut:
    """Open what is prepared of some images of a set, or prepare it.

    Args:
        cache: As in `prepare`, like the next three.
        name: The set's name.
        canvas_size: Pixels on a side.
        fingerprint: What goes into the whole set.
        items: The whole set.
        rows: ``(M,)`` which images, ascending.

    Raises:
        UserError: See `prepare`.
    """

    def fetch(numbers: Sequence[int]) -> Sequence[Any]:
        return items.fetch([int(row) for row in rows[np.asarray(numbers)]])

    def load() -> Items:
        names = [items.names[int(row)] for row in rows]
        return replace(items, names=names, fetch=fetch, parts=None, labels=None, shards=None)

    which = hashlib.sha256(np.asarray(rows, "<i8").tobytes()).hexdigest()
    about = {**fingerprint, "held out": which}
    prepared = prepare(cache, f"{name}-held-out", canvas_size, about, load)
    return HeldOut(prepared.folder, items, rows, canvas_size)


def _complete(folder: Path) -> bool:
    return all((folder / file).is_file() for file in ("images.npy", "items.npz", "cache.json"))


def _make(folder: Path, name: str, canvas_size: int, load: Callable[[], Items]) -> None:
    """Make the folder under a lock, in another one that is renamed when it is whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    what = f"{name} at {canvas_size} px"
    waiting = f"another process is preparing {what}, waiting"
    with lock(folder.with_name(f".{folder.name}.lock"), waiting=waiting):
        if _complete(folder):  # that process has made it
            return
        sweep(folder.parent)
        items = _loaded(name, load)  # first, as a set that is wrong leaves no folder
        part = folder.with_name(f".{folder.name}.part")
        part.mkdir(exist_ok=True)
        remove_leftovers(part)
        writer = CacheWriter(part, what, canvas_size, items)
        _check_space(part, writer.bytes_to_write)
        try:
            writer.write()
        except UserError:
            if writer.useless:
                shutil.rmtree(part)
            raise
        if folder.exists():  # damaged, or it would be complete
            shutil.rmtree(folder)
        os.rename(part, folder)
        (folder / PROGRESS).unlink()


def _loaded(name: str, load: Callable[[], Items]) -> Items:
    try:
        return load()
    except OSError as error:  # not the cache's fault
        where = error.filename or name
        raise UserError(
            f"{where}: cannot be read ({error.strerror or error})", "check `root`"
        ) from error


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"`cache`: the images need {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free",
            "make room, give another `cache` or a smaller `canvas_size`",
        )


def _warn_of_skipped(name: str, cache: ImageCache) -> None:
    if cache.skipped:
        named = ", ".join(cache.skipped[:_NAMED])
        more = len(cache.skipped) - _NAMED
        rest = f" and {more} more, all in {cache.folder / 'cache.json'}" if more > 0 else ""
        count = len(cache.skipped)
        _log.warning("%s: %d broken image(s) skipped: %s%s", name, count, named, rest)


# A preparation that nobody went on with for so long is of a set that has changed or is gone.
_STALE_SECONDS = 7 * 24 * 3600.0


def sweep(prepared: Path) -> None:
    """Remove unfinished preparations that nobody holds and nobody touched for a week.

    Args:
        prepared: The folder of all prepared sets.
    """
    for folder in prepared.glob(".*.part"):
        with contextlib.suppress(OSError):  # another process sweeps too
            newest = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
            # A clock that was put back makes an age negative, which is not old.
            if time.time() - newest > _STALE_SECONDS:
                _remove(folder)


def _remove(folder: Path) -> None:
    with lock(folder.with_suffix(".lock"), 0) as held:
        if held:
            shutil.rmtree(folder)
            _log.info("%s: an unfinished preparation, untouched for a week, is removed", folder)
