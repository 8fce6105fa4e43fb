"""Files that grow item by item, of which a killed process leaves whole what is counted."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from impasto.io.files import TABLE, read_json
from impasto.persistence.atomic import atomic_replace, flush

PROGRESS = "progress.json"


class GrowingFiles:
    """Files of items of one size each, in a folder.

    `progress.json` beside them says how many items are on the disk for good. It is replaced, never
    rewritten, after the items that it counts have been flushed.

    Args:
        folder: Where; may hold what another process left.
        item_bytes: Bytes of an item in each file, by the file's name.
        header: What every file begins with.
    """

    def __init__(self, folder: Path, item_bytes: Mapping[str, int], header: bytes = b"") -> None:
        self._folder = folder
        self._item_bytes = item_bytes
        self._header = header

    def progress(self) -> dict[str, Any]:
        """Return what was saved last; `done` alone, of 0, if there is nothing, or it is damaged."""
        try:
            left: dict[str, Any] = read_json(self._folder / PROGRESS, TABLE)
            left["done"] = done = int(left["done"])
            whole = all(
                (self._folder / name).stat().st_size >= self._size(done, each)
                for name, each in self._item_bytes.items()
            )
        except (OSError, ValueError, KeyError, TypeError):
            whole = False
        return left if whole else {"done": 0}

    @contextmanager
    def opened(self, done: int) -> Iterator[list[BinaryIO]]:
        """Open the files, cut to so many items, to append to them."""
        # Plain writes, not writes through a mapping: on a full disk those raise, these would crash.
        with ExitStack() as stack:
            files: list[BinaryIO] = []
            for name, each in self._item_bytes.items():
                file = stack.enter_context((self._folder / name).open("ab"))
                file.truncate(self._size(done, each) if done else 0)
                if not done:
                    file.write(self._header)
                files.append(file)
            yield files

    def save(self, files: list[BinaryIO], done: int, **more: object) -> None:
        """Count so many items of the opened files, once they are on the disk for good.

        Args:
            files: As `opened` gave them.
            done: How many items each holds.
            more: What else `progress` returns, as JSON.

        Raises:
            OSError: The disk is full, or the folder can't be written.
        """
        for file in files:
            flush(file)
        write_json(self._folder / PROGRESS, {"done": done, **more})

    def _size(self, items: int, each: int) -> int:
        return len(self._header) + items * each


def write_json(path: Path, content: object) -> None:
    """Write JSON that is flushed before it gets its name.

    Raises:
        OSError: The disk is full, or the folder can't be written.
    """
    with atomic_replace(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        flush(file)
