"""One run that takes many faults, and what became of it."""

import random
import shutil
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.comparing import Lost, update_of
from tests.chaos.faults import KINDS, Missed
from tests.chaos.faults.disks import mount_small, unmount
from tests.chaos.lives import Nursery, Stuck
from tests.chaos.recipes import UPDATES, Recipe
from tests.chaos.victim import Victim
from tests.chaos.yardstick import undisturbed

_MEGABYTES = 48  # of a small disk


@dataclass
class Injected:
    """A fault that was injected.

    Attributes:
        kind: Its name.
        number: Which of all it is, from 1.
        why: What was lost; empty if it was survived.
    """

    kind: str
    number: int
    why: str = ""


@dataclass
class Campaign:
    """Faults that befall one run.

    Attributes:
        folder: Where its run lies; removed if all was survived.
        logs: Where a file per fault goes.
        recipe: The run.
        kinds: What shall befall it, in order.
        first: The number of its first fault.
        disk: Whether the run lies on a small disk.
        show: Told of each fault before and after.
    """

    folder: Path
    logs: Path
    recipe: Recipe
    kinds: Sequence[str]
    first: int
    random: random.Random
    disk: bool
    show: Callable[[str], None]
    updates: int = UPDATES
    fresh: float = 0.1
    injected: list[Injected] = field(default_factory=list)
    lives: int = 0

    def go(self, nursery: Nursery) -> list[Injected]:
        """Let all of it happen; what happened, which may be less if the run came to its end."""
        disk = self.folder / "disk"
        if self.disk and not mount_small(disk, _MEGABYTES):
            raise RuntimeError("a small file system can't be mounted")
        victim = Victim(
            nursery,
            disk,
            self.recipe,
            self.random,
            self.folder / "yardstick",
            self.disk,
            self.fresh,
            self.updates,
        )
        try:
            self.show(f"an undisturbed run: {self.recipe.name}")
            undisturbed(victim)
            self._befall(victim)
            self.show("the end of the run, and the comparison")
            victim.finish()
        except (Lost, Stuck, OSError) as error:
            self._mark(f"{type(error).__name__}: {error}", victim)
        finally:
            self.lives = victim.lives
            if self.disk:
                if any(fault.why for fault in self.injected):
                    shutil.copytree(disk, self.folder / "kept", symlinks=True)
                unmount(disk)
        if not any(fault.why for fault in self.injected):
            shutil.rmtree(self.folder, ignore_errors=True)
        return self.injected

    def _befall(self, victim: Victim) -> None:
        for name in self.kinds:
            ending = KINDS[name].ending
            if not ending and self._nearly_done(victim):
                continue
            number = self.first + len(self.injected)
            self.show(f"{number}: {name}, at update {victim.promised}")
            victim.log = [f"fault {number}: {name}", f"run: {self.recipe.name}"]
            fault = Injected(name, number)
            try:
                KINDS[name]().inject(victim)
            except Missed as error:
                victim.note(f"missed: {error}")
                continue
            except Exception as error:
                fault.why = f"{type(error).__name__}: {error}"
                victim.note(traceback.format_exc())
                self.injected.append(fault)
                self._write(fault, victim.log)
                raise
            self.injected.append(fault)
            self._write(fault, [*victim.log, "survived, up to the comparison at the run's end"])

    def _nearly_done(self, victim: Victim) -> bool:
        newest = victim.newest()
        return newest is not None and update_of(newest) > self.updates - 24

    def _mark(self, why: str, victim: Victim) -> None:
        """All faults that the run took since count as lost with it."""
        if not self.injected:
            self.injected.append(Injected("no fault at all", self.first))
        if not any(fault.why for fault in self.injected):
            for fault in self.injected:
                fault.why = f"at the run's end: {why}"
            path = self.logs / f"{self.injected[-1].number:03d}-end.log"
            path.write_text("\n".join([*victim.log, why]) + "\n", encoding="utf-8")

    def _write(self, fault: Injected, lines: Sequence[str]) -> None:
        name = fault.kind.replace(" ", "-").replace("/", "-").replace("(", "").replace(")", "")
        path = self.logs / f"{fault.number:03d}-{name}.log"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
