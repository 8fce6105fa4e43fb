"""Choices that the page offers."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from painting.errors import UserError

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Offer(Generic[T]):
    """One choice.

    Attributes:
        build: Makes what is chosen; keyword arguments only.
        about: What it is, in a line.
    """

    build: Callable[..., T]
    about: str = ""


def working(
    offers: Mapping[str, Offer[T]], check: Callable[[T], None] | None = None, **arguments: object
) -> dict[str, T]:
    """Build the offers that can be built; the log says why the others can't.

    >>> def oil() -> str:
    ...     raise UserError("no oil", "buy some")
    >>> working({"ink": Offer(lambda: "ink"), "oil": Offer(oil)})
    {'ink': 'ink'}

    Args:
        offers: The choices, by name.
        check: Raises `UserError` for what is built and yet no good.
        arguments: What `build` is given.
    """
    built = {}
    for name, offer in offers.items():
        try:
            one = offer.build(**arguments)
            if check is not None:
                check(one)
            built[name] = one
        except UserError as error:
            log.info("not offered: %s (%s)", name, error.what)
    return built


def find(names: Iterable[str], wanted: str | None) -> str | None:
    """The name that is wanted, or else the first that has it before a label in brackets.

    >>> find(["optimize", "agent (photos)", "agent (digits)"], "agent")
    'agent (photos)'
    """
    every = list(names)
    if wanted in every:
        return wanted
    return next((name for name in every if name.partition(" (")[0] == wanted), None)


def insist(
    offers: Mapping[str, Offer[T]],
    kept: Mapping[str, object],
    wanted: str | None,
    **arguments: object,
) -> None:
    """Check that what the command line chose is offered.

    Args:
        offers: The choices, by name.
        kept: Those that can be built, and that something can be done with.
        wanted: The choice, if there is one.
        arguments: What `build` is given.

    Raises:
        UserError: It is not, and why.
    """
    name = find(offers, wanted)
    if wanted is None or name in kept:
        return
    if name is not None:
        offers[name].build(**arguments)
    raise UserError(f"{wanted} is not to be had here", f"choose from {', '.join(kept)}")
