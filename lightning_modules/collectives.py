"""Distributed training: every rank has canvases, targets and a replay of its own."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from torch import Tensor, distributed, nn

APART = 0x9E3779B97F4A7C15
"""A large odd factor, which keeps the streams of neighbouring seeds and ranks apart."""


def rank_count() -> int:
    """Return the number of ranks at the moment; 1 where no process group is open."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


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


def moving_buffers(module: nn.Module) -> list[Tensor]:
    """Return the saved floating-point buffers of networks that learn and of target networks.

    Args:
        module: Whose ``renderer``, where it is frozen, has none of them.
    """
    renderer = module.get_submodule("renderer")
    learns = any(parameter.requires_grad for parameter in renderer.parameters())
    left_out = {id(tensor) for tensor in module.parameters()}
    left_out |= set() if learns else {id(tensor) for tensor in renderer.buffers()}
    tensors = module.state_dict(keep_vars=True).values()
    return [t for t in tensors if id(t) not in left_out and t.is_floating_point()]


class Agreement:
    """Exchange of the ranks at the end of an update, in one message, so that they stay in step.

    Any rank's request to stop becomes that of all, at the same update: a rank that stopped alone
    would leave the others waiting. Statistics of batches, and whatever else training moves beside
    parameters, become their mean, so that every rank has the same network. Target networks are
    averages already, of which the mean may just as well be taken afterwards.

    Attributes:
        moving: The buffers that training moves, floating-point.
    """

    def __init__(self) -> None:
        self.moving: list[Tensor] = []
        self._to_stop = False

    def reach(
        self, metrics: Mapping[str, Tensor], stop: bool, device: torch.device
    ) -> dict[str, Tensor]:
        """Exchange this rank's metrics for the means of all ranks'.

        Args:
            metrics: Scalars, by the same names on every rank.
            stop: Whether this rank was asked to stop.
            device: Where messages are made.

        Returns:
            The means of the metrics.
        """
        if rank_count() == 1:
            return dict(metrics)
        asked = torch.tensor(float(stop), device=device)
        means = {name: value.detach().clone() for name, value in metrics.items()}
        average([*means.values(), asked, *self.moving])
        self._to_stop |= bool(asked > 0)
        return means

    def stops(self, asked: bool) -> bool:
        """Return True if the run stops here: this rank alone was asked to, or all know of one."""
        return asked if rank_count() == 1 else self._to_stop


def largest(number: int, device: torch.device) -> int:
    """Return the largest of the ranks' numbers, on every rank; one that has none gives 0."""
    if rank_count() == 1:
        return number
    message = torch.tensor(number, device=device)
    dist.all_reduce(message, dist.ReduceOp.MAX)
    return int(message)


def goes_on_alone(trainer: pl.Trainer) -> bool:
    """End the process group after the ranks' last common step; return True if this one goes on.

    Rank 0 measures and exports; the others are done.
    """
    if rank_count() > 1:
        trainer.strategy.barrier()
    end_group()
    return trainer.is_global_zero


def end_group() -> None:
    """End the process group if there is one, so that the next job of a sweep can open its own."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


T = TypeVar("T")


def gather(value: T) -> list[T]:
    """Return one value per process, in the order of ranks; all of them have to call it.

    Args:
        value: Anything that can be pickled. It goes between processes of one run, never to a file.

    Returns:
        The same list everywhere; a list of one where there is one process.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return [value]
    gathered: list[T] = [value] * distributed.get_world_size()
    distributed.all_gather_object(gathered, value)
    return gathered
