"""Pretraining of a neural renderer."""

from typing import Annotated, Any, ClassVar, Protocol

import torch
from annotated_types import Ge
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer

from impasto.bounds import Count, Seed, validated
from impasto.errors import UserError
from impasto.renderers import Renderer, Verdict, judge
from impasto.runtime.memory import LEARNING, check_count
from impasto.runtime.precision import full_precision
from lightning_modules.base import Metrics, UpdateModule
from lightning_modules.distributed import APART, average, rank_count
from lightning_modules.optimizers import Learner, OptimizerFactory, SchedulerFactory


class Pairs(Protocol):
    """Interface of strokes that are drawn beforehand: `datamodules.stroke_pairs.StrokePairs`.

    Attributes:
        count: Number of strokes; 0 if there are none.
    """

    count: int

    def prepare(self) -> None:
        """Draw what is missing."""

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return random pairs: shapes (N, S) and alpha (N, 1, n, n)."""


_CRITERIA = {"mse": F.mse_loss, "l1": F.l1_loss}


@validated
class RendererModule(UpdateModule):
    """Trains a renderer on random strokes against the exact rasterizer (ICCV 2019, section 4.1).

    The strokes of an update are a function of the seed, of its number and of the rank, so that a
    resumed run goes on exactly. One that learns by another loss has a subclass, which says what it
    is (`loss`) and what learns (`register_learners`); one with several optimizers makes its own
    `training_step`, as `GanRendererModule` does.

    Args:
        renderer: The network.
        updates: How many updates the run makes.
        optimizer: Makes the optimizer from parameters.
        scheduler: Makes its schedule in updates; None keeps the rate.
        batch_size: Strokes in an update.
        seed: Of the strokes.
        judged_strokes: Fresh strokes on which the renderer is measured.
        pairs: Strokes that are drawn beforehand; without any, each update draws fresh ones.
        criterion: What pixels are compared by: ``mse``, or ``l1`` (Kumar et al., section 3.1.1).
            The verdict is by the squared error either way.

    Raises:
        UserError: Another `criterion`.
    """

    curves: ClassVar[tuple[str, ...]] = ("renderer_loss",)
    """Metrics of an update that belong into one picture with the renderer's error."""

    def __init__(
        self,
        renderer: Renderer,
        updates: Count,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        batch_size: Count = 64,
        seed: Seed = 0,
        judged_strokes: Annotated[int, Ge(2)] = 2048,
        pairs: Pairs | None = None,
        criterion: str = "mse",
    ) -> None:
        super().__init__(updates, seed)
        if criterion not in _CRITERIA:
            raise UserError(f"`criterion` is {criterion!r}", f"give {' or '.join(_CRITERIA)}")
        self.criterion = criterion
        self.renderer = renderer
        check_count("batch_size", batch_size, LEARNING * renderer.canvas_size**2)
        self.batch_size = batch_size
        self.judged_strokes = judged_strokes
        self.pairs = pairs if pairs is not None and pairs.count else None
        self.automatic_optimization = True  # Lightning steps the one optimizer that there is
        self.register_learners({"renderer": Learner(renderer, optimizer, scheduler)})

    def train_dataloader(self) -> range:
        """Return one number per update: its strokes are drawn on the device, by no worker."""
        return range(self.updates)

    def val_dataloader(self) -> list[int]:
        """Return one tick per validation."""
        return [0]

    @property
    def last_phase(self) -> tuple[int, str]:
        """First update of the last phase of learning, and the argument that sets it."""
        return 0, "updates"

    @property
    def rate_keys(self) -> list[str]:
        """Name of the learning rate, as errors give it."""
        return ["`RendererModule.optimizer.lr`"]

    def setup(self, stage: str) -> None:
        """Prepare the pairs, before the clock of the first update runs."""
        super().setup(stage)
        if self.pairs is not None:
            self.pairs.prepare()

    def strokes_of(self, draw: int) -> Tensor:
        """Return fresh shapes (N, S) of a draw: one draw an update, of its own on each rank."""
        generator = torch.Generator(self.device).manual_seed(self._seed_at(draw))
        return self.renderer.stroke.sample(self.batch_size, generator, self.device)

    def pairs_of(self, draw: int) -> tuple[Tensor, Tensor]:
        """Return the shapes (N, S) of a draw, and their exact alpha (N, 1, n, n)."""
        if self.pairs is not None:
            generator = torch.Generator().manual_seed(self._seed_at(draw))
            shape, exact = self.pairs.sample(self.batch_size, generator)
            return shape.to(self.device), exact.to(self.device)
        size = self.renderer.canvas_size
        shape = self.strokes_of(draw)
        with torch.no_grad():
            return shape, self.renderer.stroke.rasterize(shape, size, size)

    def _numbers_of(self, draw: int) -> torch.Generator:
        """Return the generator of the other random numbers of a draw; each rank has its own."""
        # Below 0, where no strokes are drawn from; -1 is of those that judge.
        return torch.Generator(self.device).manual_seed(self._seed_at(-2 - draw))

    def _seed_at(self, draw: int) -> int:
        return self._seed_of(draw * rank_count() + self.global_rank)

    def _seed_of(self, number: int) -> int:
        # Torch's generator on the CPU uses the lower 32 bits alone.
        return (self.seed * APART + number) % 2**63

    def training_step(self, batch: int, batch_idx: int) -> Metrics:
        """Return the loss of the update, which Lightning minimizes, beside its metrics."""
        loss, metrics = self.loss(self.update_count)
        return {"loss": loss, **self.record(metrics)}

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Average what training moves beside parameters, once gradients are made."""
        if self.automatic_optimization:
            average(self.moving_buffers)

    def loss(self, draw: int) -> tuple[Tensor, Metrics]:
        """Return the mean error of the alpha of fresh strokes, by the criterion.

        Args:
            draw: Number of the update.

        Returns:
            A scalar, and scalars to log, detached; every loss is among them.
        """
        shape, exact = self.pairs_of(draw)
        with full_precision(shape):
            loss = _CRITERIA[self.criterion](self.renderer(shape), exact)
        return loss, {"renderer_loss": loss.detach()}

    def validation_step(self, batch: int, batch_idx: int) -> None:
        """Log the error on fresh strokes beside the mean image's, their structure and texture."""
        verdict = self.judge()
        metrics = {
            "val_mse": verdict.mse,
            "mean_image_mse": verdict.mean_image,
            "val_ssim": verdict.ssim,
            "val_spectral": verdict.spectral,
        }
        self.log_dict(metrics, batch_size=1)

    @torch.no_grad()
    def pictures(self, batch: Any, count: int) -> tuple[Tensor, Tensor]:
        """Return the same strokes every time, drawn exactly and by the renderer, (N, 3, n, n)."""
        stroke, size = self.renderer.stroke, self.renderer.canvas_size
        shape = stroke.sample(count, torch.Generator().manual_seed(0)).to(self.device)
        exact, drawn = stroke.rasterize(shape, size, size), self.renderer(shape)
        return exact.expand(-1, 3, -1, -1), drawn.expand(-1, 3, -1, -1)

    def judge(self) -> Verdict:
        """Return the renderer's verdict on strokes that no update sees."""
        return judge(self.renderer, self.judged_strokes, seed=self._seed_of(-1))

    def geometry(self) -> dict[str, Any]:
        """Return kinds of renderer and stroke, and the canvas."""
        return {
            "renderer": type(self.renderer).__name__,
            **self.renderer.stroke.geometry(),
            "canvas.size": self.renderer.canvas_size,
        }
