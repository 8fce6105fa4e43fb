"""Looking at a run folder from outside."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Watched:
    """A run folder that is watched from outside while a process writes to it.

    Attributes:
        run: The run folder.
        keep: Called with each new `last.ckpt` as soon as it is there.
    """

    run: Path
    keep: Callable[[], None]
    _inode: int | None = None

    @property
    def last(self) -> Path:
        return self.run / "checkpoints" / "last.ckpt"

    def look(self) -> bool:
        """Whether another `last.ckpt` is there than at the last look."""
        try:
            inode = os.stat(self.last).st_ino
        except FileNotFoundError:
            return False
        if inode == self._inode:
            return False
        self._inode = inode
        self.keep()
        return True

    def temporaries(self) -> list[str]:
        """Files in the checkpoints' folder that have no name of their own yet."""
        try:
            return [name for name in os.listdir(self.last.parent) if name.startswith(".")]
        except FileNotFoundError:
            return []
