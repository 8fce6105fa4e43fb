"""Time that a renderer takes until it draws strokes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.agents import PRETRAINING, compose, make_trainer, new_pretraining
from lightning_modules.base import Metrics

AIM = 1 / 20
"""Error of the renderer over that of the mean image."""


@dataclass(frozen=True)
class Learned:
    """Time, updates and error of a pretraining.

    Attributes:
        seconds: Measuring included.
        updates: Made.
        ratio: Error at the end over the mean image's.
    """

    seconds: float
    updates: int
    ratio: float

    @property
    def reached(self) -> bool:
        """Return True if the error fell to `AIM`."""
        return self.ratio <= AIM


def pretrain_until(
    overrides: Sequence[str] = (), limit: float = 420.0, interval: int = 250
) -> Learned:
    """Pretrain as ``task=pretrain`` does, until the error is a twentieth of the mean image's.

    Args:
        overrides: Of the command line.
        limit: Seconds after which it is given up.
        interval: Updates between two looks.
    """
    cfg = compose([*PRETRAINING, *overrides])
    module = new_pretraining(cfg)
    ratio = float("inf")
    started = time.perf_counter()

    def look(update: int, figures: Metrics) -> None:
        nonlocal ratio
        if update % interval:
            return
        ratio = module.judge().ratio
        module.stop_requested = ratio <= AIM or time.perf_counter() - started > limit

    module.update_hooks.append(look)
    trainer = make_trainer(cfg, limit_val_batches=0)
    trainer.fit(module)
    return Learned(time.perf_counter() - started, module.update_count, ratio)
