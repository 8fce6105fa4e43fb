"""Signals to the training process, at any moment and at the worst ones."""

import os
import signal
import time
from collections.abc import Callable
from typing import ClassVar

from tests.chaos.comparing import Lost, update_of
from tests.chaos.faults.base import Fault, Missed, expect_status
from tests.chaos.lives import Life
from tests.chaos.recipes import Recipe
from tests.chaos.victim import Victim

_TRIES = 8


class Kill(Fault):
    """SIGKILL at a random moment, also while the run starts."""

    name = "SIGKILL at random"
    share = 62
    signals = True

    def inject(self, victim: Victim) -> None:
        life = victim.start()
        count = victim.stir(life)
        if victim.kill(life) != -signal.SIGKILL:
            raise Missed("it finished before")
        victim.note(f"  SIGKILL after {count} or more checkpoints")
        victim.examine(life)


def stop_at(
    victim: Victim, life: Life, folder: str, skip: int, folders: bool = False
) -> tuple[str, int] | None:
    """Stop a process while a temporary file or folder is there.

    Args:
        victim: The run.
        life: Its process.
        folder: Where to look, below the run folder.
        skip: How many of them to let go by.
        folders: Whether it is a temporary folder, and not a file.

    Returns:
        Its name, and its bytes so far, while the process is stopped; None if the life ended.
    """
    path = victim.run / folder
    passed: set[str] = set()
    found: list[str] = []

    def there() -> bool:
        victim.watched.look()
        try:
            names = [
                entry.name
                for entry in os.scandir(path)
                if ".tmp" in entry.name and entry.is_dir() == folders
            ]
        except FileNotFoundError:
            return False
        passed.update(names)
        if len(passed) <= skip or not names:
            return False
        time.sleep(victim.random.choice([0, 0.001, 0.003, 0.006]))
        life.send(signal.SIGSTOP)
        victim.until(life, lambda: life.state in "TZ", seconds=30)
        found[:] = [name for name in os.listdir(path) if name in names]
        if not found:
            life.send(signal.SIGCONT)
        return bool(found)

    if not victim.until(life, there):
        return None
    temporary = path / found[0]
    inside = temporary.rglob("*") if temporary.is_dir() else [temporary]
    return found[0], sum(file.stat().st_size for file in inside)


class KillWriting(Fault):
    """SIGKILL while a checkpoint's temporary file is there: it is stopped, looked at and killed."""

    name = "SIGKILL inside a checkpoint's writing"
    share = 30
    signals = True
    writing = True

    def inject(self, victim: Victim) -> None:
        life = victim.start()
        caught = stop_at(victim, life, "checkpoints", skip=victim.random.choice([0, 1, 2, 5]))
        whole = victim.last.stat().st_size if victim.last.exists() else 0
        if caught is None or victim.kill(life) != -signal.SIGKILL:
            raise Missed("it finished before")
        name, size = caught
        still = (victim.run / "checkpoints" / name).exists()
        victim.note(
            f"  SIGKILL inside a checkpoint's writing: temporary file {name} present: "
            f"{'yes' if still else 'NO'}, {size} bytes so far (the last whole one has {whole})"
        )
        if not still:
            raise Lost("the temporary file went away after the process was stopped")
        victim.examine(life)


class Stop(Fault):
    """A signal that asks: the run saves itself, says how to go on, and exits with 128 + signal."""

    number: ClassVar[signal.Signals]
    signals = True

    def env(self, victim: Victim) -> dict[str, str]:
        """What the process has in its environment."""
        return {}

    def inject(self, victim: Victim) -> None:
        env = self.env(victim)
        life = victim.start(env=env) if env else victim.start()
        count = victim.stir(life)
        life.send(self.number)
        code = victim.nursery.wait(life)
        if code == 0:
            raise Missed("it finished before")
        victim.note(f"  {self.number.name} after {count} or more checkpoints")
        early = life.fresh and code == -self.number and not count  # while Python itself started
        found = victim.examine(life)
        if early:
            return
        if code != 128 + self.number:
            raise Lost(f"code {code} after {self.number.name}: {life.said}")
        self.check(victim, life, found)
        expect_status(victim, "interrupted")
        made = victim.summary().get("updates", found)
        if made != found:
            raise Lost(f"{made} updates were made, {found} are in the checkpoint")

    def check(self, victim: Victim, life: Life, found: int) -> None:
        """What it must have said."""
        if found and "to go on: " not in life.said:
            raise Lost(f"it doesn't say how to go on: {life.said}")


class Terminate(Stop):
    name = "SIGTERM"
    share = 16
    number = signal.SIGTERM


class Interrupt(Stop):
    name = "SIGINT"
    share = 10
    number = signal.SIGINT


class User(Stop):
    name = "SIGUSR1"
    share = 10
    number = signal.SIGUSR1


class Requeue(Stop):
    """SIGUSR1 as Slurm sends it before the time is up; `scontrol` is a program that takes notes."""

    name = "SIGUSR1 under Slurm"
    share = 8
    number = signal.SIGUSR1

    def env(self, victim: Victim) -> dict[str, str]:
        tools = victim.folder / "tools"
        tools.mkdir(exist_ok=True)
        notes = tools / "asked"
        notes.unlink(missing_ok=True)
        program = tools / "scontrol"
        program.write_text(f'#!/bin/sh\necho "$@" >> "{notes}"\n')
        program.chmod(0o755)
        slurm = {"JOB_ID": "4711", "NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODEID": "0",
                 "JOB_NAME": "chaos", "NTASKS_PER_NODE": "1"}  # fmt: skip
        if victim.random.random() < 0.5:
            slurm |= {"ARRAY_JOB_ID": "4700", "ARRAY_TASK_ID": "3"}
        self.expected = f"requeue {'4700_3' if 'ARRAY_JOB_ID' in slurm else '4711'}\n"
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, **{f"SLURM_{key}": value for key, value in slurm.items()}}

    def check(self, victim: Victim, life: Life, found: int) -> None:
        notes = victim.folder / "tools" / "asked"
        asked = notes.read_text() if notes.exists() else ""
        if asked != self.expected:
            raise Lost(f"scontrol was asked {asked!r}, not {self.expected!r}: {life.said}")
        if (victim.run / "hpc_ckpt_1.ckpt").exists():
            raise Lost("Lightning's own handler saved a checkpoint, too")
        victim.note(f"  scontrol {asked.strip()}")


# ---- after the last update


class _Ending(Fault):
    """What befalls a run between its last checkpoint and its summary; it may take several tries."""

    signals = True
    ending = True

    def inject(self, victim: Victim) -> None:
        for _ in range(_TRIES):
            life = victim.start()
            if self.befall(victim, life):
                break
            victim.kill(life)
            (victim.run / "summary.json").unlink(missing_ok=True)  # it was faster: once more
        else:
            raise Missed(f"{_TRIES} times")
        if victim.examine(life) != victim.updates:
            raise Lost(f"it was to be after the last update, and is after {victim.promised}")

    def befall(self, victim: Victim, life: Life) -> bool:
        """Whether it happened in time."""
        raise NotImplementedError

    def all_made(self, victim: Victim, life: Life) -> bool:
        """Wait until this life has saved the last update."""

        def made() -> bool:
            return victim.watched.look() and update_of(victim.last) == victim.updates

        return victim.until(life, made)


class KillExporting(_Ending):
    """SIGKILL while `agent/` is being exported."""

    name = "SIGKILL inside the export"
    share = 8

    def befall(self, victim: Victim, life: Life) -> bool:
        caught = stop_at(victim, life, "", skip=0, folders=True)
        if caught is None:
            return False
        victim.note(f"  SIGKILL inside the export: {caught[0]} present: yes, {caught[1]} bytes")
        return victim.kill(life) == -signal.SIGKILL


class KillEnding(_Ending):
    """SIGKILL anywhere between the last checkpoint and summary.json."""

    name = "SIGKILL before the summary"
    share = 8

    def befall(self, victim: Victim, life: Life) -> bool:
        if not self.all_made(victim, life):
            return False
        victim.pause(life, victim.random.uniform(0, 1.0))
        if victim.kill(life) != -signal.SIGKILL or victim.summary():
            return False
        victim.note("  SIGKILL after the last checkpoint, before the summary")
        return True


class TerminateEnding(_Ending):
    """SIGTERM or SIGUSR1 anywhere between the last checkpoint and summary.json."""

    name = "SIGTERM or SIGUSR1 before the summary"
    share = 6

    def befall(self, victim: Victim, life: Life) -> bool:
        number = victim.random.choice([signal.SIGTERM, signal.SIGUSR1])
        if not self.all_made(victim, life):
            return False
        victim.pause(life, victim.random.uniform(0, 0.8))
        life.send(number)
        code = victim.nursery.wait(life)
        if code == 0 or victim.summary().get("status") == "finished":
            return False
        victim.note(f"  {number.name} after the last checkpoint, before the summary: code {code}")
        if code != 128 + number or "to go on: " not in life.said:
            raise Lost(f"code {code}, or it doesn't say how to go on: {life.said}")
        expect_status(victim, "interrupted")
        return True


class DeadWorker(Fault):
    """SIGKILL to a process that reads data, as the system does when memory runs out."""

    name = "a dead worker"
    share = 6

    def fits(self, recipe: Recipe, disk: bool) -> bool:
        return recipe.workers > 0

    def inject(self, victim: Victim) -> None:
        life = victim.start(fresh=False)
        workers: Callable[[], list[int]] = lambda: life.children  # noqa: E731
        victim.until(life, lambda: len(workers()) >= victim.recipe.workers)
        victim.checkpoints(life, 1)
        children = workers()
        if not children:
            raise Missed("there was none any more")
        os.kill(victim.random.choice(children), signal.SIGKILL)
        from tests.chaos.faults.base import expect_error

        line = expect_error(victim, life, "data.num_workers", "resume=auto")
        victim.note(f"  {line}")
        victim.examine(life)
        expect_status(victim, "failed")
