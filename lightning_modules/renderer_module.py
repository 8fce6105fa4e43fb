"""Pretraining of a neural renderer."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lightning_modules.quickening import fused
from lightning_modules.ranks import APART, rank_count
from lightning_modules.updates import UpdateModule
from painting.precision import full_precision
from painting.renderers import Renderer, Verdict, judge


class Ticks:
    """An endless loader of nothing: strokes are drawn on the device, never by a worker."""

    def __len__(self) -> int:
        """As many as Lightning can count."""
        return 2**31 - 1

    def __iter__(self) -> Iterator[int]:
        """Count from 0."""
        return iter(range(len(self)))


class Pairs(Protocol):
    """Shapes with their alpha, drawn beforehand: `datamodules.stroke_pairs.StrokePairs`.

    Attributes:
        count: How many; 0 where none are.
    """

    count: int

    def prepare(self) -> None:
        """Draw what is missing."""

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Shapes (N, S) and alpha (N, 1, n, n)."""


class RendererModule(UpdateModule):
    """Trains a renderer on random strokes against the exact rasterizer (ICCV 2019, section 3.4).

    The strokes of an update are a function of the seed, of its number and of the rank, so that a
    resumed run goes on exactly.

    Args:
        renderer: The network.
        updates: How many updates the run makes.
        optimizer: Makes the optimizer from parameters.
        scheduler: Makes its schedule in updates; None keeps the rate.
        batch_size: Strokes in an update.
        seed: Of the strokes.
        judged_strokes: Fresh strokes on which the renderer is measured.
        pairs: Strokes that are drawn beforehand; without any, each update draws fresh ones.
    """

    def __init__(
        self, renderer: Renderer, updates: int,
        optimizer: Callable[[Iterator[nn.Parameter]], Optimizer],
        scheduler: Callable[[Optimizer], LRScheduler] | None = None,
        batch_size: int = 64, seed: int = 0, judged_strokes: int = 2048,
        pairs: Pairs | None = None,
    ) -> None:  # fmt: skip
        super().__init__(updates, seed)
        self.renderer = renderer
        self.batch_size = batch_size
        self.judged_strokes = judged_strokes
        self.pairs = pairs if pairs is not None and pairs.count else None
        self._make_optimizer = optimizer
        self._make_scheduler = scheduler

    def train_dataloader(self) -> Ticks:
        """One tick per update."""
        return Ticks()

    def val_dataloader(self) -> list[int]:
        """One tick per validation."""
        return [0]

    def configure_optimizers(self) -> Any:
        """One optimizer, scheduled in updates."""
        optimizer = fused(self._make_optimizer)(self.renderer.parameters())
        scheduler = None if self._make_scheduler is None else self._make_scheduler(optimizer)
        return self.schedule([(optimizer, scheduler)], interval="step")[0]

    @property
    def compilable(self) -> list[nn.Module]:
        """The renderer."""
        return [self.renderer]

    @property
    def rate_keys(self) -> list[str]:
        """Of its one optimizer."""
        return ["task.optimizer.lr"]

    def setup(self, stage: str) -> None:
        """Draw what is to be drawn beforehand, before the clock of the first update runs."""
        super().setup(stage)
        if self.pairs is not None:
            self.pairs.prepare()

    def strokes_of(self, update: int) -> Tensor:
        """Fresh shapes (N, S) of one update; each rank has others."""
        generator = torch.Generator(self.device).manual_seed(self._seed_at(update))
        return self.renderer.stroke.sample(self.batch_size, generator, self.device)

    def pairs_of(self, update: int) -> tuple[Tensor, Tensor]:
        """Shapes (N, S) of one update, and their alpha (N, 1, n, n)."""
        if self.pairs is not None:
            generator = torch.Generator().manual_seed(self._seed_at(update))
            shape, exact = self.pairs.sample(self.batch_size, generator)
            return shape.to(self.device), exact.to(self.device)
        size = self.renderer.canvas_size
        shape = self.strokes_of(update)
        with torch.no_grad():
            return shape, self.renderer.stroke.rasterize(shape, size, size)

    def _seed_at(self, update: int) -> int:
        return self._seed_of(update * rank_count() + self.global_rank)

    def _seed_of(self, number: int) -> int:
        # Torch's generator on the CPU uses the lower 32 bits alone.
        return (self.seed * APART + number) % 2**63

    def training_step(self, batch: int, batch_idx: int) -> Tensor:
        """Mean squared error of the alpha of fresh strokes."""
        shape, exact = self.pairs_of(self.update_count)
        with full_precision(shape):
            loss = F.mse_loss(self.renderer(shape), exact)
        self._loss = loss.detach()
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, and count the update.

        Callbacks come before the module's own `on_train_batch_end`: counted there, a checkpoint
        would hold the weights of one update more than it says, or those of one that diverged.
        """
        super().optimizer_step(*args, **kwargs)
        self.count_update({"renderer_loss": self._loss})

    def validation_step(self, batch: int, batch_idx: int) -> None:
        """Error on fresh strokes, beside the mean image's."""
        verdict = self.judge()
        figures = {"val_mse": verdict.mse, "mean_image_mse": verdict.mean_image}
        self.log_dict(figures, batch_size=1)

    @property
    def validation_is_due(self) -> bool:
        """Whether the run validates after the present update."""
        interval = int(self.trainer.val_check_batch or 1)
        return self.finished or self.update_count % interval == 0

    def judge(self) -> Verdict:
        """The renderer's error on strokes that no update sees."""
        return judge(self.renderer, self.judged_strokes, seed=self._seed_of(-1))

    def geometry(self) -> dict[str, Any]:
        """Stroke kind and canvas."""
        return {
            "renderer": type(self.renderer).__name__,
            **self.renderer.stroke.geometry(),
            "canvas.size": self.renderer.canvas_size,
        }
