"""Distributed training: many processes, the ranks, learn as one.

Every rank has canvases, targets and a replay of its own. Here is what they exchange, the
normalization over their batches, and the Lightning strategy that averages their gradients.
"""

import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning.plugins.layer_sync import LayerSync
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.distributed import TCPStore  # type: ignore[attr-defined]
from torch.distributed.nn.functional import all_reduce
from torch.optim import Optimizer

from impasto.runtime.ranks import LOST, STARTED_BY_US
from lightning_modules.internals import keep_signals, make_equal, sync_layers_by

T = TypeVar("T")

APART = 0x9E3779B97F4A7C15
"""A large odd factor, which keeps the streams of neighbouring seeds and ranks apart."""


def _is_open() -> bool:
    return dist.is_available() and dist.is_initialized()


def rank_count() -> int:
    """Return the number of ranks at the moment; 1 where no process group is open."""
    return dist.get_world_size() if _is_open() else 1


def seed_of_rank(seed: int, rank: int) -> int:
    """Return the seed of what a rank draws; rank 0 draws as a run of one rank does."""
    return (seed + rank * APART) % 2**63


@torch.no_grad()
def average(tensors: Sequence[Tensor]) -> None:
    """Replace every rank's tensors by their mean over all ranks.

    Every rank calls this at the same point with tensors of the same shapes. All of one type travel
    as one message, and each rank gets the same bits.

    Args:
        tensors: Floating-point, of any shapes; changed in place.
    """
    count = rank_count()
    if count == 1:
        return
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        alike = [tensor for tensor in tensors if tensor.dtype == dtype]
        message = torch.cat([tensor.reshape(-1) for tensor in alike])
        dist.all_reduce(message)
        message /= count
        parts = message.split([tensor.numel() for tensor in alike])
        for tensor, part in zip(alike, parts, strict=True):
            tensor.copy_(part.view_as(tensor))


def goes_on_alone(trainer: pl.Trainer) -> bool:
    """End the process group after the ranks' last common step; return True if this one goes on.

    Rank 0 measures and exports; the others are done.
    """
    if rank_count() > 1:
        trainer.strategy.barrier()
    if _is_open():
        dist.destroy_process_group()  # so that the next job of a sweep can open its own
    return trainer.is_global_zero


def gather(value: T) -> list[T]:
    """Return one value per process, in the order of ranks; all of them have to call it.

    Args:
        value: Anything that can be pickled. It goes between processes of one run, never to a file.

    Returns:
        The same list everywhere; a list of one where there is one process.
    """
    if not _is_open():
        return [value]
    gathered: list[T] = [value] * dist.get_world_size()
    dist.all_gather_object(gathered, value)
    return gathered


def moving_buffers(module: nn.Module) -> list[Tensor]:
    """Return the saved floating-point buffers of networks that learn and of target networks.

    Statistics of batches, and whatever else training moves beside parameters, become the ranks'
    mean in every update, so that every rank has the same network. Target networks are averages
    already, of which the mean may just as well be taken afterwards.

    Args:
        module: Whose ``renderer``, where it is frozen, has none of them.
    """
    renderer = module.get_submodule("renderer")
    learns = any(parameter.requires_grad for parameter in renderer.parameters())
    left_out = {id(tensor) for tensor in module.parameters()}
    left_out |= set() if learns else {id(tensor) for tensor in renderer.buffers()}
    tensors = module.state_dict(keep_vars=True).values()
    return [t for t in tensors if id(t) not in left_out and t.is_floating_point()]


class SyncedBatchNorm(nn.BatchNorm2d):
    """Normalizes by mean and variance of all ranks' batches; torch's own needs GPUs.

    All ranks have batches of the same size. The gradient flows through the other ranks, too.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalize maps (B, C, H, W)."""
        count = rank_count()
        if not self.training or count == 1:
            return super().forward(x)
        mean = all_reduce(x.mean((0, 2, 3))) / count  # (C,)
        centered = x - mean[:, None, None]
        variance = all_reduce(centered.square().mean((0, 2, 3))) / count
        self._follow(mean.detach(), variance.detach(), count * x.numel() // x.shape[1])
        scale = self.weight * (variance + self.eps).rsqrt()
        normalized: Tensor = centered * scale[:, None, None] + self.bias[:, None, None]
        return normalized

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, values: int) -> None:
        """Update the running statistics, the variance unbiased."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * values / (values - 1), self.momentum)


class SyncedLayers(LayerSync):
    """Turns `BatchNorm2d` into `SyncedBatchNorm` in place, and back, with all its state."""

    def apply(self, model: nn.Module) -> nn.Module:
        """Synchronize the layers of a module, before training."""
        return _become(model, nn.BatchNorm2d, SyncedBatchNorm)

    def revert(self, model: nn.Module) -> nn.Module:
        """Restore plain layers, after training."""
        return _become(model, SyncedBatchNorm, nn.BatchNorm2d)


def _become(model: nn.Module, of: type[nn.Module], to: type[nn.Module]) -> nn.Module:
    for module in model.modules():
        if type(module) is of:
            module.__class__ = to
    return model


_POLL = 0.1  # seconds
_log = logging.getLogger(__name__)


class RankStrategy(DDPStrategy):
    """Averages gradients over the ranks in the moment in which an optimizer steps.

    Torch's DistributedDataParallel does it in the backward pass instead, and expects one forward by
    the module itself and one backward pass through all of its parameters. An update here has three
    losses of three networks, called directly; the actor's goes through critic and discriminator
    too, and the discriminator's is differentiated twice. With `find_unused_parameters` it can be
    made to work, but then it sends the gradients of all networks in every one of these passes. Here
    the gradients of the one network that steps travel, once, as one message, after whatever passes
    made them and before they are unscaled, clipped or used; so no agent can step by others.

    Parameters and buffers start as rank 0's. Processes talk by NCCL on GPUs, by gloo on CPUs.

    Args:
        options: Arguments of Lightning's DDPStrategy.
    """

    def __init__(self, **options: Any) -> None:
        if STARTED_BY_US in os.environ:  # whatever cluster this is on, it knows nothing of them
            options.setdefault("cluster_environment", LightningEnvironment())
        super().__init__(**options)

    def setup_distributed(self) -> None:
        """Open the process group once all ranks are there."""
        if STARTED_BY_US in os.environ and not dist.is_initialized():
            _await_ranks(int(os.environ[STARTED_BY_US]))
        super().setup_distributed()

    def configure_ddp(self) -> None:
        """Make all ranks equal, and wrap nothing."""
        assert self.model is not None
        make_equal(self.model)

    def setup(self, trainer: pl.Trainer) -> None:
        """Set up, and log the effective batch and the schedules."""
        if self.root_device.type == "cpu":
            sync_layers_by(self, SyncedLayers())
        super().setup(trainer)
        keep_signals(trainer)
        if trainer.state.fn == TrainerFn.FITTING and self.is_global_zero:
            for line in self._described(trainer):
                _log.info(line)

    def optimizer_step(
        self,
        optimizer: Optimizer,
        closure: Callable[[], Any],
        model: pl.LightningModule | torch.nn.Module | None = None,
        **kwargs: Any,
    ) -> Any:
        """Step by gradients that are averaged over the ranks."""

        def averaged() -> Any:
            result = closure()  # makes the gradients where Lightning does; nothing where agents do
            gradients = [
                parameter.grad
                for group in optimizer.param_groups
                for parameter in group["params"]
                if parameter.grad is not None
            ]
            average(gradients)
            return result

        return super().optimizer_step(optimizer, averaged, model, **kwargs)

    def _described(self, trainer: pl.Trainer) -> list[str]:
        """Describe the effective batch and the schedules, as lines for the log."""
        count = self.world_size
        batch = cast(int, vars(trainer.lightning_module)["batch_size"])
        schedules = {id(c.scheduler.optimizer): c.scheduler for c in self.lr_scheduler_configs}
        rates = []
        for optimizer in self.optimizers:
            schedule = schedules.get(id(optimizer))
            falls = type(schedule).__name__ if schedule else "constant"
            rates.append(f"{optimizer.param_groups[0]['lr']:g} ({falls})")
        return [
            f"{count} ranks on {self.root_device.type} by {self.process_group_backend}: "
            f"batches of {batch} each, {batch * count} in every update",
            f"learning rates {', '.join(rates)}: as for one rank, and by update; "
            f"{count} ranks do not scale them",
        ]


def _await_ranks(count: int) -> None:
    """Wait for all ranks of this job, as long as none of them is lost.

    Torch's own waiting hears of nothing for half an hour, neither of a rank that died on its way
    nor of a signal.

    Raises:
        RuntimeError: One is lost; who started it knows how.
    """
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = TCPStore(host, port, is_master=False, wait_for_workers=False)
    store.add("arrived", 1)
    while store.add("arrived", 0) < count:
        if store.check([LOST]):
            raise RuntimeError("another rank is lost")
        time.sleep(_POLL)
