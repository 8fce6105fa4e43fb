"""The machine's ceilings: how fast it multiplies and moves at best."""

from collections.abc import Callable, Iterator

import torch
from torch import nn

from benchmarks.floors import Ceilings
from benchmarks.machine import device, once

_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_CHANNELS, _KERNEL = 256, 3


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
    conv = nn.Conv2d(_CHANNELS, _CHANNELS, _KERNEL, padding=1, device=device(), dtype=dtype)
    conv = conv.requires_grad_(False).to(memory_format=torch.channels_last)
    pixels = 32
    maps = torch.rand(batch, _CHANNELS, pixels, pixels, device=device()).to(dtype)
    maps = maps.to(memory_format=torch.channels_last)
    yield lambda: conv(maps), 2 * batch * pixels**2 * (_CHANNELS * _KERNEL) ** 2


def _best(work: Callable[[], object], repeats: int) -> float:
    work()
    return min(once(work) for _ in range(repeats))
