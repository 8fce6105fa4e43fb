"""Time that a renderer takes until it draws strokes."""

from collections.abc import Sequence
from time import perf_counter

import pytest
import pytorch_lightning as pl

from benchmarks.agents import PRETRAINING, compose, make_trainer, new_pretraining
from benchmarks.bench_training import needs_gpu
from benchmarks.conftest import Timed
from benchmarks.workbench import Workbench
from lightning_modules.acceleration import quicken

AIM = 1 / 20
"""Error of the renderer over that of the mean image."""


@needs_gpu
@pytest.mark.benchmark(group="pretraining")
def test_pretraining(bench: Workbench, timed: Timed) -> None:
    """Pretrain the papers' renderer."""
    what = f"renderer pretraining to 1/{1 / AIM:.0f} of the mean image's error"
    _, ratio = timed(what, lambda: pretrain_until(bench.scale.renderer), rounds=1, aim="≤ 300 s")
    assert ratio <= AIM, "the time was up before"


def pretrain_until(
    overrides: Sequence[str] = (), limit: float = 420.0, interval: int = 250
) -> tuple[int, float]:
    """Pretrain as ``task=pretrain`` does, until the error is a twentieth of the mean image's.

    Args:
        overrides: Of the command line.
        limit: Seconds after which it is given up.
        interval: Updates between two looks.

    Returns:
        Updates made, and the error at the end over the mean image's.
    """
    cfg = compose([*PRETRAINING, *overrides])
    module = new_pretraining(cfg)
    ratio = float("inf")
    started = perf_counter()

    class Look(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
            nonlocal ratio
            if module.update_count % interval == 0:
                ratio = module.judge().ratio
                trainer.should_stop |= ratio <= AIM or perf_counter() - started > limit

    trainer = make_trainer(cfg, limit_val_batches=0, callbacks=[Look()])
    quicken(module, trainer.strategy.root_device, cfg.compile)
    trainer.fit(module)
    return module.update_count, ratio
