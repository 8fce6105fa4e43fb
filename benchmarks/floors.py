"""Roofline model: the least that a piece of work needs, and so the floor of its time.

The model, which every figure of a floor rests on:

- operations are those of convolutions and matrix products, forwards and backwards, two for each
  multiplication with its addition; everything else counts as free;
- each of these operations reads its operands once and writes its result once, from and to memory:
  weights and activations alike, in numbers of the width that the precision has. Whatever lies
  between two of them (normalization, ReLU, concatenation, compositing) counts as fused into them;
- pictures and optimizers add the bytes of which the functions below say the arithmetic;
- computing and moving overlap perfectly, so the floor is the larger of the two times.

Caches can undercut the bytes: a share above 100 % says that they did.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

WIDTHS = {"fp32": 4, "bf16": 2}
"""Bytes of a number, by precision."""

_FLOAT = 4
_ADAM = 7  # numbers for each parameter: p, gradient, two moments read; p, two moments written
_AVERAGE = 3  # the same for a target network: both read, one written
_CHANNELS = 3


@dataclass(frozen=True)
class Work:
    """Least operations and bytes that a piece of work needs.

    Attributes:
        flops: Operations.
        numbers: Operands and results, of as many bytes each as the precision has.
        bytes: Bytes moved in any precision.
    """

    flops: float = 0.0
    numbers: float = 0.0
    bytes: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(
            self.flops + other.flops, self.numbers + other.numbers, self.bytes + other.bytes
        )

    def __mul__(self, times: float) -> "Work":
        return Work(self.flops * times, self.numbers * times, self.bytes * times)

    def bytes_moved(self, precision: str) -> float:
        """Bytes moved in a precision, in all."""
        return self.numbers * WIDTHS[precision] + self.bytes


@dataclass(frozen=True)
class Ceilings:
    """Best rates that were measured on a machine.

    Attributes:
        rates: Operations per second by precision.
        bandwidth: Bytes per second, read and written together.
    """

    rates: Mapping[str, float]
    bandwidth: float

    def floor(self, work: Work, precision: str | None = None) -> float:
        """Least seconds for some work, in a precision or in the one that is fastest for it."""
        if precision is None:
            return min(self.floor(work, name) for name in self.rates)
        return max(work.flops / self.rates[precision], work.bytes_moved(precision) / self.bandwidth)


class Counter(TorchDispatchMode):
    """Counter of operations while it is open, also in gradients of gradients; `work` is the sum."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.work = Work()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation, and count it if it is in torch's table of FLOPs."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        packet = func._overloadpacket
        if packet in flop_registry:
            flops = flop_registry[packet](*args, **kwargs, out_val=out)
            leaves = tree_leaves((args, kwargs, out))
            numbers = sum(leaf.numel() for leaf in leaves if isinstance(leaf, Tensor))
            self.work += Work(flops, numbers)
        return out


def count(work: Callable[[int], object], batch: int, small: tuple[int, int] = (2, 4)) -> Work:
    """Count what `work(batch)` needs, extrapolated from two small batches: it is linear in them.

    Args:
        work: A piece of work, given the batch.
        batch: Size to extrapolate to.
        small: The two sizes at which operations and bytes are counted.
    """
    low, high = (_counted(work, size) for size in small)
    slope = (high + low * -1) * (1 / (small[1] - small[0]))
    return low + slope * float(batch - small[0])


def _counted(work: Callable[[int], object], size: int) -> Work:
    with Counter() as counter:
        work(size)
    total: Work = counter.work
    return total


def stroke_drawn(size: int, differentiated: bool = False) -> Work:
    """One stroke's alpha, written once; and its gradient, read once."""
    pixels = size * size * _FLOAT
    return Work(bytes=pixels * (2 if differentiated else 1))


def bundle_laid(size: int) -> Work:
    """A canvas read and written once, for a bundle of strokes."""
    return Work(numbers=2 * _CHANNELS * size * size)


def episode_kept(size: int, steps: int, action_dim: int = 0) -> Work:
    """T + 1 canvases and the target as bytes, and the actions as floats."""
    return Work(bytes=episode_bytes(size, steps) + _FLOAT * action_dim * steps)


def episode_bytes(size: int, steps: int) -> int:
    """T + 2 pictures of 3 bytes a pixel."""
    return (steps + 2) * _CHANNELS * size * size


def transition_drawn(size: int) -> Work:
    """Canvas, next canvas and target as bytes out of the replay."""
    return Work(bytes=3 * _CHANNELS * size * size)


def parameters_stepped(learned: int, averaged: int = 0) -> Work:
    """One step of Adam on so many parameters, and one of the target networks of so many."""
    return Work(bytes=_FLOAT * (_ADAM * learned + _AVERAGE * averaged))


def parameter_count(*modules: torch.nn.Module) -> int:
    """Numbers that networks have in parameters, those that are frozen too."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters())
