"""What a page lets one choose from."""

import logging
from collections.abc import Callable, Mapping
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
    """What of the offers can be built; of the others the log says why not.

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
            log.debug("not offered: %s (%s)", name, error)
    return built
