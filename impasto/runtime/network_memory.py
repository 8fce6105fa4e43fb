"""Check that networks fit into memory, before they take it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call
from torch.nn.modules.module import register_module_parameter_registration_hook

from impasto.errors import UserError, first_line
from impasto.runtime import memory

_BYTES = 4  # of a weight
_COPIES = 5  # of it while it learns on the CPU: itself, gradient, Adam's two means, target network
_WORTH_A_LOOK = 64  # a batch with this share of the memory; a look at the network takes a second
_innermost: ContextVar[object] = ContextVar("innermost", default=None)


@contextmanager
def at_most(numbers: float, refusal: Callable[[int], Exception]) -> Iterator[None]:
    """Limit the modules that this thread makes to so many numbers.

    A layer claims its memory at once, and fills it afterwards: one that is too large is found in
    between, when none of it has been touched.

    Args:
        numbers: How many; those of a block within this one are counted by that alone.
        refusal: What to raise for a larger number.
    """
    total, me = 0, object()

    def count(_: nn.Module, name: str, parameter: object) -> None:
        nonlocal total
        if _innermost.get() is me and isinstance(parameter, Tensor) and not parameter.is_meta:
            total += parameter.numel()
            if total > numbers:
                raise refusal(total)

    token = _innermost.set(me)
    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()
        _innermost.reset(token)


@contextmanager
def room_for_networks() -> Iterator[None]:
    """Limit the networks that this thread makes to what there is memory for.

    Raises:
        UserError: One is larger.
    """

    def refusal(total: int) -> UserError:
        what = f"the networks of this command {memory.lack(each * total, 'need more than')}"
        return UserError(what, "make them smaller: fewer or narrower layers, or a smaller canvas")

    each = _BYTES * _copies()
    with at_most(memory.room() / each, refusal):
        yield


def check_network(key: str, make: Callable[[], nn.Module]) -> None:
    """Check that there is memory for a network that learns, without making it.

    Args:
        key: The argument that makes it, such as ``actor``.
        make: Makes it.

    Raises:
        UserError: There is not.
    """
    todo = f"make it smaller, such as by a lower `{key}.width` or fewer `{key}.blocks`"
    try:
        with torch.device("meta"):
            network = make()
    except (RuntimeError, OverflowError) as error:  # more than a size can be
        raise UserError(f"`{key}` is too large ({first_line(error)})", todo) from error
    needed = _copies() * _BYTES * sum(one.numel() for one in network.parameters())
    if needed > memory.room():
        raise UserError(f"`{key}` {memory.lack(needed)}", todo)


def check_batch(network: nn.Module, count: int, channels: int, size: int) -> None:
    """Check that there is memory for a batch from which a network learns.

    Args:
        network: What sees it.
        count: The batch size.
        channels: Of what it sees.
        size: Pixels on a side of that.

    Raises:
        UserError: There is not; how many there is memory for is said.
    """
    each = memory.LEARNING * size**2
    if count * each > memory.room() / _WORTH_A_LOOK:
        each += _activation_bytes(network, channels, size, size)
        memory.check_count("batch_size", count, each, ", or a smaller `canvas_size`")


def _activation_bytes(network: nn.Module, *shape: int) -> int:
    """Return the bytes that a network keeps of each input of a shape for its gradient.

    Nothing is computed, and neither the network nor any random number changes.
    """
    state = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    blank = {name: torch.empty_like(one, device="meta") for name, one in state.items()}

    def saved_bytes(count: int) -> int:
        total = 0

        def pack(tensor: Tensor) -> Tensor:
            nonlocal total
            total += tensor.numel() * tensor.element_size()
            return tensor

        with torch.enable_grad(), saved_tensors_hooks(pack, lambda tensor: tensor):
            given = torch.empty(count, *shape, device="meta", requires_grad=True)
            functional_call(network, blank, (given,))
        return total

    return (saved_bytes(4) - saved_bytes(2)) // 2


def _copies() -> int:
    """Return the number of copies of every weight on the CPU; 1 if another device learns."""
    return 1 if torch.accelerator.is_available() else _COPIES
