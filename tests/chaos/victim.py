"""The run that is disturbed."""

import contextlib
import json
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.comparing import (
    Lost,
    compare_runs,
    compare_with_one,
    leftovers,
    point_of,
    update_of,
)
from tests.chaos.lives import Life, Nursery, Stuck
from tests.chaos.recipes import UPDATES, Recipe, data_overrides, draw_pictures
from tests.chaos.watching import Watched

_LOOK = 0.0002  # seconds between two looks at a folder
_PATIENCE = 180.0


@dataclass
class Victim:
    """A run with many lives.

    Attributes:
        nursery: Where its processes come from.
        folder: What it has for itself: `run/`, its data, and what was seen of it.
        recipe: The run.
        random: What draws the moments.
        yardstick: The folder of the undisturbed run.
        disk: Whether its folder is a small file system of its own.
        fresh: The share of lives that start Python anew.
    """

    nursery: Nursery
    folder: Path
    recipe: Recipe
    random: random.Random
    yardstick: Path
    disk: bool = False
    fresh: float = 0.1
    updates: int = UPDATES
    lives: int = 0
    promised: int = 0
    compared: int = 0
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.run.parent.mkdir(parents=True, exist_ok=True)
        self.root = self.folder / "pictures"
        if self.recipe.pictures:
            draw_pictures(self.root)
        self.cache = self.folder / "data"
        self._seen = self.folder / "seen.ckpt"
        self.watched = Watched(self.run, self._keep)

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def last(self) -> Path:
        return self.watched.last

    @property
    def argv(self) -> list[str]:
        """The command, the same in every life."""
        data = data_overrides(self.recipe, self.root, self.cache)
        return [
            *self.recipe.overrides,
            *data,
            f"updates={self.updates}",
            "resume=auto",
            f"hydra.run.dir={self.run}",
        ]

    def note(self, text: str) -> None:
        """Say in the fault's log what was found."""
        self.log.append(text)

    # ---- living

    def start(self, *more: str, fresh: bool | None = None, **how: Any) -> Life:
        """Start the next life."""
        if fresh is None:
            fresh = not how and self.random.random() < self.fresh
        self.lives += 1
        self.watched.look()
        life = self.nursery.start([*self.argv, *more], fresh=fresh, **how)
        self.note(f"life {self.lives}: {'a fresh' if fresh else 'a forked'} process, {life.pid}")
        return life

    def until(self, life: Life, happened: Callable[[], bool], seconds: float = _PATIENCE) -> bool:
        """Look until something happens; False if the life ended before.

        Raises:
            Stuck: Neither.
        """
        deadline = time.monotonic() + seconds
        looks = 0
        while not happened():
            looks += 1
            if looks % 50 == 0 and self.nursery.look(life) is not None:
                return happened()
            if time.monotonic() > deadline:
                raise Stuck(f"nothing happened in {seconds:.0f} s; it said: {life.said[-2000:]}")
            time.sleep(_LOOK)
        return True

    def checkpoints(self, life: Life, count: int) -> bool:
        """Wait until a life has written so many checkpoints."""
        return all(self.until(life, self.watched.look) for _ in range(count))

    def pause(self, life: Life, seconds: float) -> None:
        """Let a life go on for a while, and see its checkpoints."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.nursery.look(life) is None:
            self.watched.look()
            time.sleep(0.001)

    def stir(self, life: Life) -> int:
        """Wait until a random moment; how many checkpoints the life had written by then."""
        count = self.random.choice([0, 1, 1, 1, 2, 3])
        if count and self.checkpoints(life, count):
            self.pause(life, self.random.uniform(0, 0.15))
        elif not count:
            self.pause(life, self.random.uniform(0.3, 8.0 if life.fresh else 1.5))
        return count

    def kill(self, life: Life) -> int:
        """End a life by SIGKILL, if it hasn't ended; its exit code."""
        life.send(signal.SIGKILL)
        life.send(signal.SIGCONT)
        return self.nursery.wait(life)

    # ---- what must be true after each life

    def examine(self, life: Life) -> int:
        """Nothing that was promised is lost: the update of the newest checkpoint.

        Raises:
            Lost: An earlier checkpoint is gone, or the newest differs from the undisturbed run's.
        """
        self.watched.look()
        newest = self.newest()
        self.note(f"  ended with code {life.code}; it said: {life.said[-1500:] or 'nothing'}")
        promised = update_of(self._seen) if self._seen.exists() else 0
        promised = max(promised, self.promised)
        found = update_of(newest) if newest is not None else 0
        if found < promised:
            raise Lost(f"update {promised} was in a checkpoint, the newest holds {found}")
        self.promised = found
        words = "the undisturbed run saved none at that point"
        if newest is not None and (expected := self.expected(newest)):
            count = compare_with_one(newest, expected)
            self.compared += 1
            words = f"{count} tensors equal to the undisturbed run's at that point"
        self.note(f"  newest checkpoint: update {found} (promised: {promised}); {words}")
        return found

    def forget(self) -> None:
        """The last checkpoint was spoiled from outside: what it promised counts no more."""
        self._seen.unlink(missing_ok=True)
        self.promised = 0
        self.watched.look()
        self._seen.unlink(missing_ok=True)

    def compare_start(self, run: Path, but: tuple[str, ...]) -> None:
        """Compare the last checkpoint of a run that ended early with the undisturbed run's.

        Raises:
            Lost: They differ, or its summary doesn't say how it ended.
        """
        last = run / "checkpoints" / "last.ckpt"
        status = json.loads((run / "summary.json").read_text())["status"]
        if status != "diverged":
            raise Lost(f"the summary's status is {status}")
        update = update_of(last)
        count = compare_with_one(last, self.expected(last), but)
        self.compared += 1
        self.note(f"  kept: update {update}, {count} tensors equal to the undisturbed run's")

    def expected(self, checkpoint: Path) -> list[Path]:
        """The undisturbed run's checkpoints at the same point."""
        point = point_of(checkpoint)
        kept = (self.yardstick / "every").glob(f"{point[0]}-*.ckpt")
        return [path for path in sorted(kept) if point_of(path) == point]

    def newest(self) -> Path | None:
        """The newest checkpoint; between two renames the one before may be the only one."""
        for path in (self.last, self.last.with_name("previous.ckpt")):
            if path.exists():
                return path
        return None

    def summary(self) -> dict[str, Any]:
        """The summary as it is; empty if there is none."""
        try:
            found: dict[str, Any] = json.loads((self.run / "summary.json").read_text())
        except FileNotFoundError:
            found = {}
        return found

    def finish(self) -> None:
        """Let the run come to its end, and compare it.

        Raises:
            Lost: It doesn't, or not with the bits of the undisturbed one.
        """
        life = self.start()
        code = self.nursery.wait(life, 2 * _PATIENCE)
        self.examine(life)
        if code != 0 or self.promised != self.updates:
            raise Lost(f"the run can't go on: code {code}, update {self.promised}: {life.said}")
        compared = compare_runs(self.run, self.yardstick / "run")
        self.note(f"finished: {compared} tensors and files equal to the undisturbed run's")
        if left := leftovers(self.run):
            raise Lost(f"temporary files were left behind: {left}")
        life = self.start(fresh=False)
        if self.nursery.wait(life) != 0 or "finished" not in life.out.read_text():
            raise Lost(f"started again it doesn't say that it is finished: {life.said}")

    def _keep(self) -> None:
        """Hold on to a checkpoint that was complete, whatever becomes of its name."""
        new = self._seen.with_suffix(".new")
        with contextlib.suppress(FileNotFoundError):
            os.link(self.last, new)
            os.replace(new, self._seen)
