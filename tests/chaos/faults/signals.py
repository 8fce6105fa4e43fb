"""Signals to the training process, at any moment and at the worst ones."""

import os
import signal
from typing import ClassVar

from tests.chaos.comparing import Lost
from tests.chaos.faults.base import Fault, Missed, expect_status
from tests.chaos.faults.stopping import stop_at
from tests.chaos.lives import Life
from tests.chaos.victim import Victim


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
        if "interrupted before a run began" in life.said:
            return
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
        slurm = {
            "JOB_ID": "4711",
            "NTASKS": "1",
            "PROCID": "0",
            "LOCALID": "0",
            "NODEID": "0",
            "JOB_NAME": "chaos",
            "NTASKS_PER_NODE": "1",
        }
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
