"""Choices of the page's menus."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from impasto.errors import UserError

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Choice(Generic[T]):
    """Entry of a menu, built when it is chosen.

    Attributes:
        build: Makes what is chosen; keyword arguments only.
        about: What it is, in a line.
    """

    build: Callable[..., T]
    about: str = ""


def build_choices(
    choices: Mapping[str, Choice[T]], check: Callable[[T], None] | None = None, **arguments: object
) -> dict[str, T]:
    """Build the choices that can be built; the log says why the others can't.

    >>> def oil() -> str:
    ...     raise UserError("no oil", "buy some")
    >>> build_choices({"ink": Choice(lambda: "ink"), "oil": Choice(oil)})
    {'ink': 'ink'}

    Args:
        choices: The choices, by name.
        check: Raises `UserError` for what is built and yet no good.
        arguments: What `build` is given.
    """
    built = {}
    for name, choice in choices.items():
        try:
            one = choice.build(**arguments)
            if check is not None:
                check(one)
            built[name] = one
        except UserError as error:
            log.info("not offered: %s (%s)", name, error.what)
    return built


def find_choice(names: Iterable[str], wanted: str | None) -> str | None:
    """Find the name that is wanted, or else the first that has it before a label in brackets.

    >>> find_choice(["optimize", "agent (photos)", "agent (digits)"], "agent")
    'agent (photos)'
    """
    every = list(names)
    if wanted in every:
        return wanted
    return next((name for name in every if name.partition(" (")[0] == wanted), None)


def require_choice(
    choices: Mapping[str, Choice[T]],
    available: Mapping[str, object],
    wanted: str | None,
    **arguments: object,
) -> None:
    """Check that what the command line chose is available.

    Args:
        choices: The choices, by name.
        available: Those that can be built, and that something can be done with.
        wanted: The choice, if there is one.
        arguments: What `build` is given.

    Raises:
        UserError: It is not, and why.
    """
    name = find_choice(choices, wanted)
    if wanted is None or name in available:
        return
    if name is not None:
        choices[name].build(**arguments)
    raise UserError(f"{wanted} is not to be had here", f"choose from {', '.join(available)}")
