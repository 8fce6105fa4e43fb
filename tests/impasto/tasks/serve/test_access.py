"""Who may ask for the page."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from impasto.errors import UserError
from impasto.tasks.serve.access import AccessControl, host_names
from impasto.tasks.serve.storage import TemporaryStorage

PAGE = 200
MOST = 1000
OWN = ["localhost", "LOCALHOST:7860", "a.localhost", "127.0.0.1:7860", "127.9.9.9", "[::1]:80"]
OWN += ["paint.example.org", "Paint.Example.org:443", "localhost."]
FOREIGN = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.0.7", ""]
FOREIGN += ["evil-localhost", "0.0.0.0", "x@localhost", "localhost/", "localhost, evil.example"]
FOREIGN += ["localhost:7860:80", "[::2]", "example.org", "\u0660"]


async def page(scope: Any, receive: Any, send: Any) -> None:
    await send({"status": PAGE})


def asked(*headers: tuple[str, str], folder: Path = Path(), **scope: Any) -> int:
    """The status of the answer to a request; 0 for a websocket that is closed."""
    answers: list[Any] = []

    async def send(message: Any) -> None:
        answers.append(message)

    request = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(key.encode(), value.encode()) for key, value in headers],
        **scope,
    }
    storage = scope.get("storage", TemporaryStorage(folder, 10_000, 100))
    access = AccessControl(page, host_names(["Paint.example.org"]), storage, MOST)
    asyncio.run(access(request, None, send))  # type: ignore[arg-type]
    return int(answers[0].get("status", 0))


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_only_by_its_own_names(kind: str) -> None:
    refused = 403 if kind == "http" else 0
    assert asked(type=kind) == refused
    for host in OWN:
        assert asked(("host", host), type=kind) == PAGE, host
        for scheme in ("http", "https"):
            headers = ("host", "localhost"), ("origin", f"{scheme}://{host}")
            assert asked(*headers, type=kind) == PAGE, host
    for host in FOREIGN:
        assert asked(("host", host), type=kind) == refused, host
        for origin in (f"http://{host}", f"https://{host}"):
            assert asked(("host", "localhost"), ("origin", origin), type=kind) == refused, host
    for origin in ("null", "", "localhost", "file://localhost", "http://localhost/"):
        assert asked(("host", "localhost"), ("origin", origin), type=kind) == refused, origin
    assert asked(("host", "localhost"), ("host", "evil.example"), type=kind) == refused
    assert asked(("HOST", "evil.example"), method="OPTIONS", type=kind) == refused


def test_files_that_say_their_size_and_have_room(tmp_path: Path) -> None:
    def sent(*length: str, storage: TemporaryStorage) -> int:
        headers = [("host", "localhost"), *[("content-length", text) for text in length]]
        return asked(*headers, method="POST", path="/gradio_api/upload", storage=storage)

    storage = TemporaryStorage(tmp_path, 10_000_000, 100)
    envelope = 1_000_000
    for length, status in (
        ("5", PAGE),
        (str(MOST + envelope), PAGE),
        (str(MOST + envelope + 1), 413),
    ):
        assert sent(length, storage=storage) == status
    for bad in ((), ("-1",), ("many",), ("\u0665",)):
        assert sent(*bad, storage=storage) == 411
    assert storage.reserve(9_999_000)  # by others; what came in before has left
    assert sent("1001", storage=storage) == 503
    assert sent("1000", storage=storage) == PAGE
    assert sent("1000", storage=storage) == PAGE


@pytest.mark.parametrize(
    "hosts", [["http://a.example"], ["a.example:80"], ["*"], ["*.example.org"], [""], [1], 5]
)
def test_names_that_are_none(hosts: object) -> None:
    with pytest.raises(UserError, match="which is no name of a machine"):
        host_names(hosts)
