"""The run that is not disturbed."""

import contextlib
import os

from tests.chaos.comparing import Lost, update_of
from tests.chaos.victim import Victim
from tests.chaos.watching import Watched


def undisturbed(victim: Victim) -> None:
    """Make the yardstick: one life of the same run, with every checkpoint it writes kept.

    Raises:
        Lost: It fails by itself.
    """
    every = victim.yardstick / "every"
    every.mkdir(parents=True)
    kept = 0

    def keep() -> None:
        nonlocal kept
        kept += 1
        with contextlib.suppress(FileNotFoundError):
            os.link(watched.last, every / f".{kept}")
        for replay in watched.last.parent.glob("replay-*.safetensors"):
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                os.link(replay, every / replay.name)

    watched = Watched(victim.yardstick / "run", keep)
    argv = [*victim.argv[:-1], f"hydra.run.dir={watched.run}"]
    life = victim.nursery.start(argv)
    victim.until(life, lambda: watched.look() and False)
    watched.look()
    if victim.nursery.wait(life) != 0:
        raise Lost(f"undisturbed, it ends with code {life.code}: {life.said}")
    for path in every.glob(".*"):
        path.rename(every / f"{update_of(path)}-{path.name[1:]}.ckpt")
