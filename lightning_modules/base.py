"""Base of every module that learns: one batch is one update, which steps several networks."""

import logging
from abc import ABC
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from impasto.errors import Diverged, UserError
from impasto.renderers import Renderer
from impasto.runtime.precision import full_precision
from impasto.runtime.random_state import get_random_state, seed_random_state, set_random_state
from lightning_modules.checkpoint_io import VERSION, check_fits
from lightning_modules.distributed import (
    average,
    gather,
    moving_buffers,
    rank_count,
    seed_of_rank,
)
from lightning_modules.figures import Figures, divergence
from lightning_modules.internals import lengthen_epoch, set_logged_step
from lightning_modules.optimizers import (
    Learner,
    Settings,
    advance,
    apply_changes,
    fit_together,
    make_optimizer,
    settings_of,
)

log = logging.getLogger(__name__)

_STOP = "a rank was asked to stop"  # beside the metrics of an update
Metrics = dict[str, Tensor]
T = TypeVar("T")


class UpdateModule(pl.LightningModule, ABC):
    """A module that makes one update from each batch: a step of every network that learns.

    A further one says which networks learn (`register_learners`), and makes its `training_step`:
    each network's step in turn (`descend`), then `record`. Of the optimizers that step in an
    update, Lightning counts one, so that `global_step` is the number of updates. Ranks that learn
    as one log and stop alike, and draw apart.

    Args:
        updates: How many updates the run makes, counted from its very beginning.
        seed: Fixes everything that the module draws.

    Attributes:
        renderer: Draws strokes; it learns, or is frozen.
        update_count: Updates made.
        networks_that_learn: By name; one without parameters that learn is left out.
        stop_requested: The signal that asked this rank to stop; 0 if none did.
        moving_buffers: What training moves beside parameters: see `distributed.moving_buffers`.
        figures: The newest metrics that the host knows: on CUDA those of the update before.
    """

    renderer: Renderer

    def __init__(self, updates: int, seed: int = 0) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.updates = updates
        self.seed = seed
        self.update_count = 0
        self.stop_requested = 0
        self.moving_buffers: list[Tensor] = []
        self.networks_that_learn: dict[str, Learner] = {}
        self.figures: dict[str, float] = {}
        self._arriving: Figures | None = None
        self._generator: torch.Generator | None = None
        self._has_stepped = False  # in the present update
        self._all_stop = False  # the ranks, once they know that one of them was asked to
        self._restored: dict[str, Any] | None = None
        self._pairs: list[tuple[Optimizer, LRScheduler | None]] = []
        self._settings: list[Settings] = []

    @property
    def finished(self) -> bool:
        """Return True if the run has made all its updates."""
        return self.update_count >= self.updates

    @property
    def compilable(self) -> list[nn.Module]:
        """Networks that `torch.compile` may compile, each differentiated once at most.

        The renderer, if it is a network.
        """
        return [self.renderer] if any(True for _ in self.renderer.parameters()) else []

    @property
    def autocast_networks(self) -> list[tuple[nn.Module, int]]:
        """Networks that may run in bfloat16 in part, each with the side of its input in pixels."""
        return []

    @property
    def rate_keys(self) -> list[str]:
        """Names of the learning rates of every network that learns, as errors give them."""
        return [f"`{name}_optimizer.lr`" for name in self.networks_that_learn]

    @property
    def generator(self) -> torch.Generator:
        """Generator of the module's own random numbers, on its device; each rank has its own."""
        if self._generator is None:
            seed = seed_of_rank(self.seed, self.global_rank)
            self._generator = torch.Generator(self.device).manual_seed(seed)
        return self._generator

    # ---- the loop

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Let loggers count updates, also where a shorter run is gone on with."""
        set_logged_step(self.trainer, self.update_count)

    def record(self, metrics: Metrics) -> Metrics:
        """Count the update that was made, and log its metrics.

        Args:
            metrics: Detached scalars; every loss is among them.

        Returns:
            The ranks' means of them.

        Raises:
            Diverged: One of them, or on CUDA of the update before, is NaN or infinite, or beyond a
                million: a discriminator or a critic whose scores explode.
        """
        agreed = self._agree(metrics)
        arriving = Figures(self.update_count + 1, agreed)
        self.settle()  # the update before
        self._arriving = arriving
        if arriving.arrived:
            self.settle()
        metrics = {name: value for name, value in agreed.items() if name != _STOP}
        self.log_dict(metrics)
        if not self.automatic_optimization:
            for scheduler in _as_list(self.lr_schedulers() or []):
                advance(scheduler)  # also that of a network that made no step
        self.update_count += 1
        self._has_stepped = False
        if self.finished:
            self.trainer.should_stop = True  # after a validation; also where epochs are shorter
        return metrics

    def _agree(self, metrics: Metrics) -> Metrics:
        """Exchange metrics for the ranks' means, in one message that keeps ranks in step.

        Any rank's request to stop becomes that of all, at the same update: a rank that stopped
        alone would leave the others waiting.
        """
        if rank_count() == 1:
            return metrics
        asked = torch.full((), float(bool(self.stop_requested)), device=self.device)
        means = {name: value.detach().clone() for name, value in metrics.items()}
        # Where Lightning steps, a backward pass is still to come, and needs them as they are.
        moved = [] if self.automatic_optimization else self.moving_buffers
        average([*means.values(), asked, *moved])
        return means | {_STOP: asked}

    def settle(self) -> None:
        """Read the metrics that are on their way; nothing is measured or saved before.

        Raises:
            Diverged: See `record`.
        """
        arriving, self._arriving = self._arriving, None
        if arriving is None:
            return
        self.figures = arriving.read()
        self._all_stop |= self.figures.pop(_STOP, 0.0) > 0
        if found := divergence(self.figures, arriving.update):
            raise Diverged(found, "lower the learning rates")

    def on_validation_start(self) -> None:
        """Read what is on its way."""
        self.settle()

    def on_train_end(self) -> None:
        """Read what is on its way."""
        self.settle()

    @property
    def stops(self) -> bool:
        """Return True if a signal has asked this rank, or one that it learns with, to stop."""
        return bool(self.stop_requested) if rank_count() == 1 else self._all_stop

    def pictures(self, batch: Any, count: int) -> tuple[Tensor, Tensor] | None:
        """Return targets and what the module presently makes of them.

        Args:
            batch: The first one of a validation.
            count: How many pictures at most, N.

        Returns:
            (N, 3, n, n) in [0, 1] each; None where there is nothing to see.
        """
        return None

    # ---- optimizers

    def register_learners(self, learners: Mapping[str, Learner]) -> None:
        """Register the networks that learn; one without parameters to learn is left out."""
        self.networks_that_learn = {
            name: learner
            for name, learner in learners.items()
            if any(parameter.requires_grad for parameter in learner.network.parameters())
        }

    def configure_optimizers(self) -> Any:
        """Build one optimizer per network that learns, each with a schedule in updates."""
        self._pairs = []
        for learner in self.networks_that_learn.values():
            optimizer = make_optimizer(learner)
            scheduler = None if learner.scheduler is None else learner.scheduler(optimizer)
            self._pairs.append((optimizer, scheduler))
        self._settings = [settings_of(*pair) for pair in self._pairs]
        return [
            {"optimizer": optimizer}
            if scheduler is None
            else {
                "optimizer": optimizer,
                "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
            }
            for optimizer, scheduler in self._pairs
        ]

    def optimizer_of(self, name: str) -> Any:
        """Return Lightning's wrapper of a network's optimizer."""
        return _as_list(self.optimizers())[list(self.networks_that_learn).index(name)]

    def descend(self, name: str, loss: Tensor) -> None:
        """Make one step of one network's optimizer; the first one of an update is counted."""
        optimizer = self.optimizer_of(name)
        optimizer.zero_grad()
        self.manual_backward(loss)
        if self._has_stepped:
            self.trainer.strategy.optimizer_step(optimizer.optimizer, lambda: None)
        else:
            optimizer.step()
        self._has_stepped = True
        # A training step is one context of autocast, which would go on with the weights of before.
        torch.clear_autocast_cache()

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Differentiate a loss, each gradient in the type that its value had."""
        with full_precision(loss):
            super().backward(loss, *args, **kwargs)

    # ---- resume

    def geometry(self) -> dict[str, Any]:
        """Return what a checkpoint and this module must agree on for one to load the other."""
        return {}

    def training_state(self) -> dict[str, Any]:
        """Return the state that is no parameter (replay, draws), as values that load safely."""
        return {}

    def load_training_state(self, state: dict[str, Any], replay: Path | None) -> None:
        """Load what `training_state` returned, once the module is on its device.

        Args:
            state: From `training_state`.
            replay: What `save_replay` wrote; None if it wrote nothing.
        """

    def save_replay(self, folder: Path) -> dict[str, str] | None:
        """Write what is too large for a checkpoint to a file beside it.

        Returns:
            ``file``, its name, and ``sha256``; None if there is nothing to write.
        """
        return None

    def load_generator(self, state: Tensor) -> None:
        """Load the state of `generator`; one of another kind of device is drawn anew, with a word.

        A GPU's has 16 bytes, and a CPU's 5,056.
        """
        if len(state) == len(self.generator.get_state()):
            self.generator.set_state(state.cpu())
            return
        self.generator.manual_seed(self._seed_of_update())
        if self.trainer.is_global_zero:
            log.warning(
                "saved on another kind of device: random numbers are drawn anew, so that this run "
                "is no longer bit for bit what it would have been"
            )

    def _seed_of_update(self) -> int:
        words = [self.seed, self.update_count, self.trainer.global_rank]
        return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])

    def draw_anew(self, seed: int) -> None:
        """Seed every generator, global ones and the module's own."""
        seed_random_state(seed)
        self.generator.manual_seed(seed)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add counters, settings, and each process's own state: random numbers, replay and data.

        Raises:
            Diverged: See `record`.
        """
        self.settle()
        data = None if self._datamodule is None else self._datamodule.state_dict()
        own = {"random": get_random_state(), "state": self.training_state(), "data": data}
        checkpoint["impasto"] = {
            "version": VERSION,
            "update_count": self.update_count,
            "geometry": self.geometry(),
            "settings": self._settings,
            "ranks": gather(own),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Check that the checkpoint fits, and load the counter; the rest waits for the device.

        Raises:
            UserError: It was saved by another kind of run, or for other strokes or canvases.
        """
        restored = check_fits(checkpoint, self.geometry(), self.state_dict())
        self._restored = restored
        self.update_count = restored["update_count"]
        if not self.finished:
            lengthen_epoch(checkpoint)
        data, datamodule = self._own_of(restored["ranks"])["data"], self._datamodule
        if data is not None and datamodule is not None:  # Lightning gave it the first process's
            datamodule.load_state_dict(data)

    def on_fit_start(self) -> None:
        """Refuse what Lightning would restore into the wrong optimizer, or not at all.

        Raises:
            UserError: The checkpoint has other optimizers, or schedules where this run has none.
        """
        if self._restored and not fit_together(self._restored["settings"], self._settings):
            raise UserError(
                "the checkpoint's optimizers and schedules are of other kinds than this run's",
                "give those that it was saved with; their numbers may change",
            )

    def on_train_start(self) -> None:
        """Load the state that waited for the device."""
        self.moving_buffers = moving_buffers(self)
        if self._restored is None and self.global_rank:
            seed_random_state(seed_of_rank(self.seed, self.global_rank))
        if self._restored is not None:
            restored, self._restored = self._restored, None
            self._apply_settings(restored["settings"])
            ranks, files = restored["ranks"], restored["replay_files"]
            own = self._own_of(ranks)
            self.load_training_state(own["state"], self._own_of(files) if files else None)
            set_random_state(own["random"])
            if len(ranks) != self.trainer.world_size:
                self._go_on_in_others(len(ranks))

    def _apply_settings(self, saved: Sequence[Settings]) -> None:
        every = zip(self._pairs, saved, self._settings, strict=True)
        changed = [apply_changes(*pair, before, here) for pair, before, here in every]
        if any(changed) and self.trainer.is_global_zero:
            log.warning("going on with other settings of optimizers than before")

    def _own_of(self, ranks: Sequence[T]) -> T:
        """Return this process's part of what as many, or another number of, processes saved."""
        return ranks[self.trainer.global_rank % len(ranks)]

    @property
    def _datamodule(self) -> pl.LightningDataModule | None:
        return getattr(self.trainer, "datamodule", None)

    def _go_on_in_others(self, saved: int) -> None:
        """Draw numbers of this process's own, where it shares what another one left."""
        self.draw_anew(self._seed_of_update())
        if self.trainer.is_global_zero:
            log.warning(
                "saved by %d process(es), going on in %d: random numbers are drawn anew, so that "
                "this run is no longer bit for bit what it would have been",
                saved,
                self.trainer.world_size,
            )


def leaves_nothing(trainer: pl.Trainer) -> bool:
    """Return True in a `fast_dev_run`, which tries everything and writes no file."""
    return bool(vars(trainer)["fast_dev_run"])


def _as_list(one_or_more: Any) -> list[Any]:
    """Return a list, where Lightning returns a single thing bare and only several as a list."""
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]
