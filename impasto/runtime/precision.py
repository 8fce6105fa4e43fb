"""Precision of networks: bfloat16 where it is as good, float32 where it is not.

The convolutions of actors and critics keep what matters in bfloat16's 8 bits, at two to three times
the speed. A place on the canvas needs more of them, and so does a difference of two scores: the
heads of networks, renderers, rewards and all losses compute in float32 always (`full_precision`).

That a processor has instructions for bfloat16 does not make its library right. So `auto` tries the
convolutions of the networks at hand before it trusts them: see `settled_precision`. Networks that
learn no more are compiled here, too.
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn

from impasto.errors import UserError

AUTO = "auto"
FULL: Final = "32-true"
MIXED: Final = "bf16-mixed"
_CPU_FEATURES = ("avx512_bf16", "amx_bf16")

_PLACES = 64  # on the maps of a trial together, where one map has fewer
# Of the largest number. Operands are such as bfloat16 has, so only results are rounded, by 0.4 %.
_NEAR = 0.05
_tried: dict[tuple[Any, ...], bool] = {}


def fastest_precision(device: torch.device | str) -> str:
    """Return the fastest precision that trains as well: MIXED if the hardware has it, else FULL.

    Args:
        device: Where networks will run.
    """
    kind = torch.device(device).type
    if kind == "cuda":
        return MIXED if torch.cuda.is_bf16_supported(including_emulation=False) else FULL
    if kind == "cpu":
        features = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        return MIXED if any(features.get(name) for name in _CPU_FEATURES) else FULL
    return FULL


def check_precision(precision: str) -> str:
    """Check that painters can paint in a precision.

    Raises:
        UserError: It is none.
    """
    if precision not in (AUTO, FULL, MIXED):
        todo = f"give {AUTO}, {FULL} or {MIXED}"
        raise UserError(f"`precision` is {precision!r}, in which no agent paints", todo)
    return precision


def exact_float32() -> None:
    """Let cuDNN compute float32 as everything else does: as IEEE's, unless all is told otherwise.

    Torch's default for its convolutions and LSTMs on CUDA is TF32, which rounds operands to 10
    bits: the difference of two nearly equal scores, which a reward is, loses several per cent. What
    bears fewer bits is in bfloat16, which is faster still.
    """
    # Torch's newer name, fp32_precision, is then "none" for both: that of torch.backends. Set by
    # that name, the former one could not be read any more, as torch's own compiler does.
    torch.backends.cudnn.allow_tf32 = False


def full_precision(like: Tensor) -> torch.autocast:
    """Return a context in which nothing is rounded to fewer bits on this tensor's device."""
    kind = "cpu" if like.is_meta else like.device.type  # of which a meta tensor has the shape alone
    return torch.autocast(kind, enabled=False)


def settled_precision(networks: Iterable[tuple[nn.Module, int]], device: torch.device | str) -> str:
    """Choose the precision for ``auto``: MIXED if the hardware has it and is right, else FULL.

    Each distinct convolution of what bears bfloat16 (a network's `coarse_parts`) is computed and
    differentiated in both, on random maps, beside numbers that memory was poisoned with before.
    That is done once in a process, draws from no generator of the run's, and leaves the networks as
    they are. What fails is said in a line on standard error.

    Args:
        networks: Networks, each with the side of its input in pixels.
        device: Where they will run.
    """
    if fastest_precision(device) == FULL:
        return FULL
    for conv, x in _calls(networks):
        weight = conv.weight
        key = (
            str(device),
            conv.stride,
            conv.padding,
            conv.dilation,
            conv.groups,
            *_form(weight),
            conv.bias is not None,
            *_form(x),
        )
        if key not in _tried:
            _tried[key] = _is_right(conv, x, device)
            if not _tried[key]:
                print(
                    f"precision is {FULL}: in bfloat16 this machine gets a convolution wrong, "
                    f"{tuple(weight.shape)} with stride {conv.stride[0]} on maps of "
                    f"{x.shape[2]} x {x.shape[3]}",
                    file=sys.stderr,
                )
        if not _tried[key]:
            return FULL
    return MIXED


def _form(x: Tensor) -> tuple[Any, ...]:
    return tuple(x.shape), x.is_contiguous(memory_format=torch.channels_last)


def _calls(networks: Iterable[tuple[nn.Module, int]]) -> Iterator[tuple[nn.Conv2d, Tensor]]:
    """Yield the convolutions that may run in bfloat16, each with its input for one picture."""
    for network, side in networks:
        for trunk in network.modules():
            parts = nn.Sequential(*getattr(trunk, "coarse_parts", ()))
            yield from _calls_of(parts, side) if len(parts) else ()


@torch.no_grad()
def _calls_of(parts: nn.Sequential, side: int) -> list[tuple[nn.Conv2d, Tensor]]:
    calls: list[tuple[nn.Conv2d, Tensor]] = []
    layers = list(parts.modules())
    convs = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    learning = [layer for layer in layers if layer.training]
    hooks = [c.register_forward_hook(lambda c, x, _: calls.append((c, x[0]))) for c in convs]
    picture = convs[0].weight.new_zeros(1, convs[0].in_channels, side, side)
    try:
        with full_precision(picture):
            parts.eval()(picture)  # averages of batches stay as they are
    finally:
        for hook in hooks:
            hook.remove()
        for layer in learning:
            layer.training = True
    return calls


def _is_right(conv: nn.Conv2d, x: Tensor, device: torch.device | str) -> bool:
    """Return True if a convolution and its gradients in bfloat16 are near those in float32."""
    drawn = partial(_drawn, generator=torch.Generator().manual_seed(0), device=device)
    maps = x.expand(max(1, _PLACES // x[0, 0].numel()), -1, -1, -1)
    order = torch.channels_last if _form(x)[1] else torch.contiguous_format
    given = [drawn(maps.contiguous(memory_format=order)), drawn(conv.weight)]
    given += [] if conv.bias is None else [drawn(conv.bias)]
    with full_precision(given[0]):
        out = conv._conv_forward(*given, *[None] * (3 - len(given)))
        upstream = drawn(out).detach()
        reference = [out, *torch.autograd.grad(out, given, upstream)]
    _poison(reference)
    with torch.autocast(torch.device(device).type, torch.bfloat16):
        coarse = conv._conv_forward(*given, *[None] * (3 - len(given)))
    reduced = [coarse, *torch.autograd.grad(coarse, given, upstream.to(coarse.dtype))]
    return all(
        bool(((one - other).abs() <= _NEAR * other.abs().max()).all())  # NaN is not, either
        for one, other in zip(reduced, reference, strict=True)
    )


def _drawn(like: Tensor, generator: torch.Generator, device: torch.device | str) -> Tensor:
    """Draw random numbers that bfloat16 can hold, of a tensor's shape and memory format."""
    numbers = torch.empty_like(like, device="cpu", dtype=torch.float32).normal_(generator=generator)
    return numbers.bfloat16().float().to(device).requires_grad_()


def _poison(results: Iterable[Tensor]) -> None:
    """Fill free memory with NaN, in blocks of these tensors' sizes, for the next results to use."""
    for dtype in (torch.bfloat16, torch.float32):
        poison = [torch.full_like(result, torch.nan, dtype=dtype) for result in results]
        del poison


_COMPILERS = ("c++", "g++", "clang++", "gcc", "cc")


def missing_compiler(device: torch.device | str) -> str | None:
    """Return what `torch.compile` would lack on a device; None if all is there."""
    if torch.device(device).type == "cuda" and importlib.util.find_spec("triton") is None:
        return "triton"
    named = filter(None, (os.environ.get("CXX"), os.environ.get("CC")))
    if not any(shutil.which(name) for name in (*named, *_COMPILERS)):
        return "a C++ compiler"
    return None


def check_compiling(compiled: bool | str, device: torch.device | str) -> bool | str:
    """Check a choice of `compile`: true, false or auto.

    Raises:
        UserError: It is no such word; or compiling is demanded, and no compiler is there.
    """
    if compiled not in (True, False, "auto"):
        raise UserError(f"`compiled` is {compiled!r}", "give true, false or auto")
    if compiled is True and (missing := missing_compiler(device)):
        raise UserError(f"`compiled=true` needs {missing}", "install it, or leave `compiled=auto`")
    return compiled


class Frozen(nn.Module):
    """Frozen network, compiled at its first use with its weights as constants.

    So the weights are reordered once, as the compiled code reads them. Inductor asks for `freezing`
    while a call is traced, when options of `torch.compile` are not in force yet: it is set around
    each call.

    Args:
        network: The network; changes of its weights after the first call need not be seen.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._compiled = torch.compile(network)

    def forward(self, x: Tensor) -> Tensor:
        """Run the compiled network on its input."""
        from torch._inductor import config  # imported by compiling: two seconds

        with torch.no_grad(), config.patch(freezing=True):
            out: Tensor = self._compiled(x)
        return out
