"""Conversion of objects to plain dictionaries, ``_target_`` and arguments, and back."""

import importlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from impasto.errors import UserError, brief, first_line
from impasto.persistence.former_paths import current_path
from impasto.runtime.network_memory import at_most

_PACKAGE = "impasto."
_NOT_THESE = ("impasto.launch.", "impasto.tasks.")  # programs, not parts of a network


@runtime_checkable
class Describable(Protocol):
    """Interface of objects that return their constructor arguments."""

    def config(self) -> dict[str, Any]:
        """Return the constructor arguments, plain or describable."""


def describe(thing: Describable) -> dict[str, Any]:
    """Return a plain dictionary to build `thing` from again: ``_target_`` and its arguments."""
    kind = type(thing)
    arguments = {
        key: describe(value) if hasattr(value, "config") else value
        for key, value in thing.config().items()
    }
    return {"_target_": f"{kind.__module__}.{kind.__qualname__}", **arguments}


def build(node: object, name: str = "the exported config") -> Any:
    """Build what `describe` described. Only classes of this package are ever called.

    Args:
        node: The description.
        name: What to call it in an error.

    Raises:
        UserError: It names something else, or arguments that do not fit.
    """
    target = node.get("_target_") if isinstance(node, Mapping) else None
    target = current_path(target) if isinstance(target, str) else target
    if not isinstance(target, str) or not _is_ours(target):
        raise UserError(
            f"{name} names {brief(target)}, which is not of {_PACKAGE[:-1]}",
            "use a folder that this project exported",
        )
    assert isinstance(node, Mapping)
    module, _, kind_name = target.rpartition(".")
    try:
        arguments = {
            key: build(value, f"{name}.{key}") if _is_described(value) else value
            for key, value in node.items()
            if key != "_target_"
        }
        kind = getattr(importlib.import_module(module), kind_name)
        if not isinstance(kind, type) or not _is_ours(kind.__module__):
            raise TypeError(f"{target} is not a class of {_PACKAGE[:-1]}")
        return getattr(kind, "from_options", kind)(**arguments)
    except UserError as error:
        what = error.what if error.what.startswith(name) else f"{name}: {error.what}"
        raise UserError(what, error.todo) from error
    except Exception as error:  # whatever a constructor does about what it was not made for
        what = f"{name} can't be built ({first_line(error)})"
        raise UserError(what, "export it again with this version") from error


def _is_ours(path: str) -> bool:
    return path.startswith(_PACKAGE) and not path.startswith(_NOT_THESE)


def _is_described(value: object) -> bool:
    return isinstance(value, Mapping) and "_target_" in value


def no_larger_than(tensors: Mapping[str, Tensor]) -> AbstractContextManager[None]:
    """Limit modules in this block to as many numbers as the weights to be loaded have.

    Weight normalization makes a parameter twice.

    Raises:
        ValueError: They would have more.
    """
    refusal = ValueError("the weights beside it are those of a smaller network")
    return at_most(2 * sum(tensor.numel() for tensor in tensors.values()), lambda _: refusal)
