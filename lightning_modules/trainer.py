"""Lightning's trainer, with the precision and the length of a run."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar

from impasto.runtime.devices import pick_device
from impasto.runtime.precision import AUTO, FULL, exact_float32, fastest_precision
from lightning_modules.acceleration import AutoPrecision


class Trainer(pl.Trainer):
    """Trainer of Lightning's that knows the precision ``auto``.

    That is bfloat16 where the hardware has it and a trial with the networks at hand finds it right
    (`AutoPrecision`), and float32 elsewhere, which is IEEE's on a GPU, too (`exact_float32`). A run
    is one epoch; with `overfit_batches` epochs are as short as that, and there are as many as the
    run's updates need.

    Args:
        accelerator: See Lightning's.
        precision: ``auto``, or one of Lightning's.
        plugins: See Lightning's.
        max_epochs: See Lightning's.
        val_check_interval: Lightning's: a number of updates, a share of the run, or a time.
        check_val_every_n_epoch: Lightning's; a share goes by epochs, whatever is given.
        overfit_batches: Lightning's: how many batches of targets are painted again and again.
        callbacks: See Lightning's.
        enable_progress_bar: False leaves out whatever bar is among the callbacks, too.
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
        val_check_interval: int | float | str | None = None,
        check_val_every_n_epoch: int | None = 1,
        overfit_batches: int | float = 0,
        callbacks: Sequence[pl.Callback] = (),
        enable_progress_bar: bool = True,
        **options: Any,
    ) -> None:
        exact_float32()
        plugins = list(plugins)
        if precision == AUTO:
            device = pick_device(accelerator)
            precision = FULL
            if fastest_precision(device) != FULL:
                precision, plugins = None, [*plugins, AutoPrecision(device)]
        if isinstance(val_check_interval, float):  # of the one epoch that the run is
            check_val_every_n_epoch = 1
        if not enable_progress_bar:
            callbacks = [one for one in callbacks if not isinstance(one, ProgressBar)]
        super().__init__(
            accelerator=accelerator,
            precision=precision,
            plugins=plugins,
            max_epochs=-1 if overfit_batches else max_epochs,
            val_check_interval=val_check_interval,
            check_val_every_n_epoch=check_val_every_n_epoch,
            overfit_batches=overfit_batches,
            callbacks=list(callbacks),
            enable_progress_bar=enable_progress_bar,
            **options,
        )
