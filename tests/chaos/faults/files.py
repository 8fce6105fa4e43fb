"""Files that are damaged, gone or of another time, readers that die, and a second run."""

import os
import shutil
import signal
import time

from tests.chaos.comparing import Lost
from tests.chaos.faults.base import Fault, Missed, expect_error, expect_status
from tests.chaos.recipes import Recipe
from tests.chaos.victim import Victim


def _saved(victim: Victim, count: int = 2) -> None:
    """Let the run live until it has saved a few times."""
    life = victim.start(fresh=False)
    if not victim.checkpoints(life, count):
        raise Missed("it finished before")
    victim.kill(life)
    victim.examine(life)


class Damaged(Fault):
    """The last checkpoint is cut off, or has a flipped bit: the one before it is used, and said."""

    name = "a damaged checkpoint"
    share = 10

    def inject(self, victim: Victim) -> None:
        _saved(victim, 3)
        content = bytearray(victim.last.read_bytes())
        before = victim.promised
        previous = victim.last.with_name("previous.ckpt")
        if victim.random.random() < 0.5:
            del content[victim.random.randrange(len(content)) :]
            victim.note(f"  last.ckpt is cut off after {len(content)} bytes")
        else:
            bit = victim.random.randrange(8 * len(content))
            content[bit // 8] ^= 1 << bit % 8
            victim.note(f"  bit {bit} of last.ckpt is flipped")
        # A file of its own: what was seen of the run is linked to the old one.
        victim.last.unlink()
        victim.last.write_bytes(content)
        if not previous.exists():
            raise Lost("there is no previous.ckpt to go on from")
        victim.forget()
        life = victim.start(fresh=False)
        if not victim.checkpoints(life, 1):
            raise Lost(f"it doesn't go on: {life.said}")
        victim.kill(life)
        said = life.said + life.out.read_text()
        if "previous.ckpt" not in said:
            raise Lost(f"it doesn't say that it goes on from the one before: {said}")
        found = victim.examine(life)
        victim.note(f"  it goes on from previous.ckpt: {before} before, {found} now")


class LostPicture(Fault):
    """A picture of the data set, or the whole folder, is gone; put back, the run goes on."""

    name = "a lost data file"
    share = 5

    def fits(self, recipe: Recipe, disk: bool) -> bool:
        return recipe.pictures

    def inject(self, victim: Victim) -> None:
        if not victim.last.exists():
            _saved(victim)
        pictures = sorted(victim.root.glob("*.png"))
        whole = victim.random.random() < 0.5
        gone = victim.root if whole else victim.random.choice(pictures)
        aside = victim.folder / "aside"
        gone.rename(aside)
        try:
            life = victim.start(fresh=False)
            line = expect_error(victim, life, "data.root")
        finally:
            aside.rename(gone)
        victim.note(f"  without {gone.name}: {line}")
        victim.examine(life)
        _saved(victim, 1)


class LostCache(Fault):
    """A file of the prepared pictures is gone: they are prepared again."""

    name = "a lost cache file"
    share = 4

    def inject(self, victim: Victim) -> None:
        if not victim.last.exists():
            _saved(victim)
        files = sorted(p for p in victim.cache.rglob("*") if p.is_file() and "prepared" in p.parts)
        gone = victim.random.choice(files)
        gone.unlink()
        victim.note(f"  without {gone.name}")
        _saved(victim, 1)


class TwoRuns(Fault):
    """A second process is started in the same folder: it is refused, and the first goes on."""

    name = "two runs in one folder"
    share = 5

    def inject(self, victim: Victim) -> None:
        first = victim.start(fresh=False)
        victim.checkpoints(first, 1)
        first.send(signal.SIGSTOP)  # it is still there when the second one comes, however slow
        config = victim.run / ".hydra" / "config.yaml"
        before = (config.read_bytes(), victim.summary())
        second = victim.start("seed=99", fresh=False)
        line = expect_error(victim, second, "another process")
        victim.note(f"  the second: {line}")
        if (config.read_bytes(), victim.summary()) != before:
            raise Lost("the second one changed the first one's config or summary")
        first.send(signal.SIGCONT)
        if not victim.checkpoints(first, 1) and victim.nursery.look(first) != 0:
            raise Lost(f"the first one was harmed: {first.said}")
        victim.kill(first)
        victim.examine(first)


class Clock(Fault):
    """The clock went back, or far ahead: every file is of another time than the next ones."""

    name = "a clock that jumps"
    share = 5

    def inject(self, victim: Victim) -> None:
        if not victim.last.exists():
            _saved(victim)
        away = victim.random.choice([-1, 1]) * victim.random.uniform(3600, 9 * 365 * 86400)
        for path in [victim.run, *victim.run.rglob("*")]:
            os.utime(path, (time.time() + away, time.time() + away), follow_symlinks=False)
        victim.note(f"  every file is {away / 86400:+.1f} days old")
        _saved(victim, 1)


class Diverged(Fault):
    """A loss that is no number ends a run of its own as diverged, with its last checkpoint kept."""

    name = "a loss that is no number"
    share = 5

    def inject(self, victim: Victim) -> None:
        at = victim.random.choice([21, 25, 33])
        run = victim.folder / "diverged"
        exploding = (f"agent.actor_scheduler.milestones=[{at}]", "agent.actor_scheduler.gamma=1e30")
        argv = [word for word in victim.argv if not word.startswith("hydra.run.dir=")]
        life = victim.nursery.start([*argv, *exploding, f"hydra.run.dir={run}"])
        line = expect_error(victim, life, "loss", str(run / "checkpoints" / "last.ckpt"))
        victim.note(f"  {line}")
        victim.compare_start(run, but=("lr_schedulers", "settings"))
        shutil.rmtree(run)


class DeadWorker(Fault):
    """SIGKILL to a process that reads data, as the system does when memory runs out."""

    name = "a dead worker"
    share = 6

    def fits(self, recipe: Recipe, disk: bool) -> bool:
        return recipe.workers > 0

    def inject(self, victim: Victim) -> None:
        life = victim.start(fresh=False)
        victim.until(life, lambda: len(life.children) >= victim.recipe.workers)
        victim.checkpoints(life, 1)
        children = life.children
        if not children:
            raise Missed("there was none any more")
        os.kill(victim.random.choice(children), signal.SIGKILL)
        line = expect_error(victim, life, "data.num_workers", "resume=auto")
        victim.note(f"  {line}")
        victim.examine(life)
        expect_status(victim, "failed")
