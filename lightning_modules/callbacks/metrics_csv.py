"""``metrics.csv``: the metrics of a run, by update and by second."""

import csv
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from impasto.bounds import Count, validated
from impasto.persistence.atomic import atomic_write
from lightning_modules.base import UpdateModule, leaves_nothing
from lightning_modules.figures import to_floats

_FIRST = ["update", "seconds", "val_l2"]


@validated
class MetricsCsv(pl.Callback):
    """Writes a row per logging point; loggers get what `log` gives them.

    A row of training metrics holds their means since the one before, each over the updates that
    had it: a network that learns at every second one has a loss at these. A validation shares the
    row of its update. A resumed run appends: rows of updates that it makes again are dropped.

    Args:
        path: The file.
        every: Updates between two rows.
    """

    def __init__(self, path: str | Path, every: Count = 100) -> None:
        self.path = Path(path)
        self.every = every
        self.rows: list[dict[str, float]] = []
        self._sums: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self._seconds_before = 0.0
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds of training so far, earlier parts of a resumed run included."""
        return self._seconds_before + time.monotonic() - self._started

    def state_dict(self) -> dict[str, Any]:
        """Return rows and seconds, and the sums and counts of the next row's means."""
        return {
            "rows": [dict(row) for row in self.rows],
            "seconds": self.seconds,
            "sums": dict(self._sums),
            "counts": dict(self._counts),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load rows, seconds, sums and counts."""
        self.rows = [dict(row) for row in state_dict["rows"]]
        self._seconds_before = state_dict["seconds"]
        self._sums, self._counts = dict(state_dict["sums"]), dict(state_dict["counts"])

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Add an update's metrics to the means of the next row."""
        assert isinstance(pl_module, UpdateModule)
        for name, value in outputs.items():
            if (
                name == "loss"
            ):  # what Lightning minimizes, by its own name for it; a metric has it too
                continue
            self._sums[name] = self._sums.get(name, 0) + value
            self._counts[name] = self._counts.get(name, 0) + 1
        if pl_module.update_count % self.every == 0:
            pl_module.settle()
            means = to_floats({k: total / self._counts[k] for k, total in self._sums.items()})
            self._sums, self._counts = {}, {}
            self._write_row(trainer, pl_module.update_count, means)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put validation metrics into the row of the present update."""
        assert isinstance(pl_module, UpdateModule)
        if trainer.sanity_checking:
            return
        measured = to_floats(
            {
                name: value
                for name, value in trainer.callback_metrics.items()
                if name.startswith("val_") or name == "mean_image_mse"
            }
        )
        self._write_row(trainer, pl_module.update_count, measured)

    def _write_row(self, trainer: pl.Trainer, update: int, metrics: dict[str, float]) -> None:
        if not self.rows or self.rows[-1]["update"] != update:
            self.rows.append({"update": update, "seconds": round(self.seconds, 2)})
        self.rows[-1] |= metrics
        if trainer.is_global_zero and not leaves_nothing(trainer):
            self._write()

    def _write(self) -> None:
        names = dict.fromkeys([*_FIRST, *(name for row in self.rows for name in row)])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.path) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, list(names), restval="")
            writer.writeheader()
            writer.writerows(self.rows)
