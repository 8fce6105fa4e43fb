"""Lightning's trainer, with the precision and the length of a run."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl

from impasto.runtime.devices import pick_device
from impasto.runtime.precision import AUTO, FULL, fastest_precision
from lightning_modules.acceleration import AutoPrecision


class Trainer(pl.Trainer):
    """Trainer of Lightning's that knows the precision ``auto``.

    That is bfloat16 where the hardware has it and a trial with the networks at hand finds it right
    (`AutoPrecision`), and float32 elsewhere. A run is one epoch; with `overfit_batches` epochs are
    as short as that, and there are as many as the run's updates need.

    Args:
        accelerator: See Lightning's.
        precision: ``auto``, or one of Lightning's.
        plugins: See Lightning's.
        max_epochs: See Lightning's.
        overfit_batches: Lightning's: how many batches of targets are painted again and again.
        options: Further arguments of Lightning's.

    Raises:
        UserError: This machine does not have the accelerator, and `precision` is ``auto``.
    """

    def __init__(
        self,
        *,
        accelerator: str = "auto",
        precision: Any = AUTO,
        plugins: Sequence[Any] = (),
        max_epochs: int | None = 1,
        overfit_batches: int | float = 0,
        **options: Any,
    ) -> None:
        plugins = list(plugins)
        if precision == AUTO:
            device = pick_device(accelerator)
            precision = FULL
            if fastest_precision(device) != FULL:
                precision, plugins = None, [*plugins, AutoPrecision(device)]
        super().__init__(
            accelerator=accelerator,
            precision=precision,
            plugins=plugins,
            max_epochs=-1 if overfit_batches else max_epochs,
            overfit_batches=overfit_batches,
            **options,
        )
