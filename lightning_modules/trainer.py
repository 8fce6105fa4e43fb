"""Lightning's trainer, which can choose the precision."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl

from impasto.runtime.devices import pick_device
from impasto.runtime.precision import AUTO, FULL, fastest_precision
from lightning_modules.acceleration import AutoPrecision


class Trainer(pl.Trainer):
    """Trainer of Lightning's that knows the precision ``auto``.

    That is bfloat16 where the hardware has it and a trial with the networks at hand finds it right
    (`AutoPrecision`), and float32 elsewhere.

    Args:
        accelerator: See Lightning's.
        precision: ``auto``, or one of Lightning's.
        plugins: See Lightning's.
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
        **options: Any,
    ) -> None:
        plugins = list(plugins)
        if precision == AUTO:
            device = pick_device(accelerator)
            precision = FULL
            if fastest_precision(device) != FULL:
                precision, plugins = None, [*plugins, AutoPrecision(device)]
        super().__init__(accelerator=accelerator, precision=precision, plugins=plugins, **options)
