"""Signals after the last update: while the agent is exported and measured."""

import signal

from tests.chaos.comparing import Lost, update_of
from tests.chaos.faults.base import Fault, Missed, expect_status
from tests.chaos.faults.stopping import stop_at
from tests.chaos.lives import Life
from tests.chaos.victim import Victim

_TRIES = 8


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
