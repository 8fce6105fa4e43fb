"""Access to the page: for requests that use one of its names, and send what there is room for."""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any

from impasto.errors import UserError
from impasto.tasks.serve.storage import TemporaryStorage

_NAME = r"(\[[\da-f:.]+\]|[\w.-]+)"  # without scheme and port
_HOST = re.compile(rf"{_NAME}(?::\d+)?", re.ASCII | re.IGNORECASE)
_ORIGIN = re.compile(rf"https?://{_NAME}(?::\d+)?", re.ASCII | re.IGNORECASE)
_UPLOAD = "/upload"  # the end of the path to which Gradio's pages send files
_ENVELOPE = 1_000_000  # bytes that a form has besides its file, at most

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]


class AccessControl:
    """ASGI middleware before a page, for all that is asked of it: pages, files, events, websockets.

    A stranger's page can give its own name this machine's address, and then its scripts read what
    this page answers; what they cannot change is the name that the browser sends with a request.

    Args:
        app: The page, an ASGI application.
        hosts: Names that it has besides those of this machine.
        storage: Where uploads lie.
        most: Bytes in the largest file.
    """

    def __init__(
        self, app: _App, hosts: Iterable[str], storage: TemporaryStorage, most: int
    ) -> None:
        self._app, self._hosts, self._storage = app, frozenset(hosts), storage
        self._most = most + _ENVELOPE

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif not self._is_own(scope):
            text = "This page does not have that name. Its owner can add it: hosts=[NAME]."
            await _refuse(scope, send, 403, text)
        elif scope["type"] == "http" and scope["path"].rstrip("/").endswith(_UPLOAD):
            await self._upload(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_own(self, scope: _Scope) -> bool:
        """Return True if every host and origin that the request names is known."""
        hosts = [_HOST.fullmatch(text) for text in _header(scope, b"host")]
        origins = [_ORIGIN.fullmatch(text) for text in _header(scope, b"origin")]
        return bool(hosts) and all(
            match is not None and _is_known(match[1], self._hosts) for match in hosts + origins
        )

    async def _upload(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Let a file in if there is room for it; whoever sends it has to say its size."""
        length = "".join(_header(scope, b"content-length"))
        if scope["method"] == "POST" and not (length.isascii() and length.isdigit()):
            await _refuse(scope, send, 411, "Say how long the file is.")
            return
        size = int(length or 0)
        if size > self._most:
            await _refuse(scope, send, 413, "The file is too large.")
        elif not self._storage.reserve(size):
            await _refuse(scope, send, 503, "Too many files are coming in; try again.")
        else:
            try:
                await self._app(scope, receive, send)
            finally:
                self._storage.release(size)


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


def _is_known(name: str, hosts: frozenset[str]) -> bool:
    name = name.lower().removesuffix(".")
    if name in hosts or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _header(scope: _Scope, name: bytes) -> list[str]:
    """Every value that a request has for a header."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


async def _refuse(scope: _Scope, send: _Send, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
