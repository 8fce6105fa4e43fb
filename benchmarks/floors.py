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

from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from benchmarks.machine import device, once

WIDTHS = {"fp32": 4, "bf16": 2}
"""Bytes of a number, by precision."""

_FLOAT = 4
_ADAM = 7  # numbers for each parameter: p, gradient, two moments read; p, two moments written
_AVERAGE = 3  # the same for a target network: both read, one written
_CHANNELS = 3
_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_MAPS, _KERNEL = 256, 3  # of the convolution that is timed


@dataclass(frozen=True)
class Work:
    """Least operations and bytes that a piece of work needs.

    Attributes:
        flops: Operations.
        numbers: Operands and results, of as many bytes each as the precision has.
        bytes: Bytes moved in any precision.
        launches: Operations of tensors that a host starts one by one; views and claimed memory
            are none.
        coarse: Those of the operations that are in bfloat16, where that was counted.
    """

    flops: float = 0.0
    numbers: float = 0.0
    bytes: float = 0.0
    launches: float = 0.0
    coarse: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, times: float) -> "Work":
        return Work(*(one * times for one in astuple(self)))

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
    """Counter of operations while it is open, also in gradients of gradients; `work` is the sum.

    Args:
        mixed: Whether operands count with the bytes that they have, and those of bfloat16 apart.
    """

    def __init__(self, mixed: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.work = Work()
        self._mixed = mixed

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation, and count it, with its FLOPs if it is in torch's table of them."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        packet = func._overloadpacket
        leaves = [one for one in tree_leaves((args, kwargs, out)) if isinstance(one, Tensor)]
        if not (func.is_view or "empty" in str(packet)):
            self.work += Work(launches=1)
        if packet in flop_registry:
            flops = flop_registry[packet](*args, **kwargs, out_val=out)
            if self._mixed:
                coarse = any(leaf.dtype == torch.bfloat16 for leaf in leaves)
                moved = sum(leaf.numel() * leaf.element_size() for leaf in leaves)
                self.work += Work(flops, bytes=moved, coarse=flops * coarse)
            else:
                self.work += Work(flops, sum(leaf.numel() for leaf in leaves))
        return out


def count(
    work: Callable[[int], object],
    batch: int,
    small: tuple[int, int] = (2, 4),
    mixed: bool = False,
) -> Work:
    """Count what `work(batch)` needs, extrapolated from two small batches: it is linear in them.

    Launches are the second one's: whatever the batch, and without what is made at the first use.

    Args:
        work: A piece of work, given the batch.
        batch: Size to extrapolate to.
        small: The two sizes at which operations and bytes are counted.
        mixed: Whether what may be in bfloat16 is.
    """
    low, high = (_counted(work, size, mixed) for size in small)
    slope = (high + low * -1) * (1 / (small[1] - small[0]))
    return replace(low + slope * float(batch - small[0]), launches=high.launches)


def _counted(work: Callable[[int], object], size: int, mixed: bool) -> Work:
    with Counter(mixed) as counter, torch.autocast("cpu", torch.bfloat16, enabled=mixed):
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


def parameter_count(*modules: nn.Module) -> int:
    """Numbers that networks have in parameters, those that are frozen too."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def measure_ceilings(effort: float = 1.0, repeats: int = 8) -> Ceilings:
    """The best of several runs: a ceiling is what the machine can do, not what it does on the mean.

    A precision's rate is that of the faster of a matrix product and a 3 x 3 convolution of 256
    channels, channels last; the bandwidth that of a copy, which reads and writes.

    Args:
        effort: Sizes are multiplied by it; below 1 for a test.
        repeats: Runs of each.
    """
    fast = device().type == "cuda"
    side = int((8192 if fast else 2048) * effort)
    batch = max(1, int((128 if fast else 8) * effort))
    rates = {
        name: max(work / _best(run, repeats) for run, work in _multiplying(dtype, side, batch))
        for name, dtype in _TYPES.items()
    }
    numbers = int(2**28 * effort) if fast else int(2**26 * effort)
    source = torch.rand(numbers, device=device())
    copy = torch.empty_like(source)
    copied_bytes = 2 * source.numel() * source.element_size()
    return Ceilings(rates, copied_bytes / _best(lambda: copy.copy_(source), repeats))


def _multiplying(
    dtype: torch.dtype, side: int, batch: int
) -> Iterator[tuple[Callable[[], object], float]]:
    """Yield a matrix product and a convolution to time, each with its number of operations."""
    matrix = torch.rand(side, side, device=device()).to(dtype)
    out = torch.empty_like(matrix)
    yield lambda: torch.mm(matrix, matrix, out=out), 2 * side**3
    conv = nn.Conv2d(_MAPS, _MAPS, _KERNEL, padding=1, device=device(), dtype=dtype)
    conv = conv.requires_grad_(False).to(memory_format=torch.channels_last)
    pixels = 32
    maps = torch.rand(batch, _MAPS, pixels, pixels, device=device()).to(dtype)
    maps = maps.to(memory_format=torch.channels_last)
    yield lambda: conv(maps), 2 * batch * pixels**2 * (_MAPS * _KERNEL) ** 2


def _best(work: Callable[[], object], repeats: int) -> float:
    work()
    return min(once(work) for _ in range(repeats))
