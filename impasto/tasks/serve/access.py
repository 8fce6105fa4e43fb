"""Access to the page: for requests that use one of its names."""

import ipaddress
import re
from collections.abc import Collection, Iterable, Sequence

from impasto.errors import UserError

_NAME = r"(\[[\da-f:.]+\]|[\w.-]+)"  # without scheme and port
_HOST = re.compile(rf"{_NAME}(?::\d+)?", re.ASCII | re.IGNORECASE)
_ORIGIN = re.compile(rf"https?://{_NAME}(?::\d+)?", re.ASCII | re.IGNORECASE)


def is_own(hosts: Iterable[str], origins: Iterable[str], names: Collection[str]) -> bool:
    """Return True if every host and origin that a request names is known.

    A stranger's page can give its own name this machine's address, and then its scripts read what
    this page answers; what they cannot change is the name that the browser sends with a request.

    Args:
        hosts: Its headers `Host`; without one it names nothing.
        origins: Its headers `Origin`.
        names: Of the page, besides those of this machine.
    """
    own = [_HOST.fullmatch(text) for text in hosts]
    asking = [_ORIGIN.fullmatch(text) for text in origins]
    return bool(own) and all(
        match is not None and _is_known(match[1], names) for match in own + asking
    )


def host_names(hosts: object) -> Sequence[str]:
    """Check names of hosts that a command line gives.

    >>> host_names(["Paint.example.org"])
    ['paint.example.org']

    Raises:
        UserError: One of them is something else than a name, such as a whole address.
    """
    every: list[str] = []
    for host in hosts if isinstance(hosts, list | tuple) else [hosts]:
        if not isinstance(host, str) or not re.fullmatch(_NAME, host, re.ASCII | re.IGNORECASE):
            raise UserError(
                f"hosts has {host!r}, which is no name of a machine",
                "give names without http:// and port, such as hosts=[paint.example.org]",
            )
        every.append(host.lower())
    return every


def _is_known(name: str, names: Collection[str]) -> bool:
    name = name.lower().removesuffix(".")
    if name in names or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
