import http.server
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator

import pytest

from datamodules.download import downloading, reachable
from painting.errors import UserError


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


@pytest.fixture
def refusing_server() -> Iterator[str]:
    """A server that answers every request with an error."""
    handler = http.server.BaseHTTPRequestHandler
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        thread.join(5)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_a_silent_server_is_given_up_in_time(silent_server: str) -> None:
    start = time.monotonic()
    assert not reachable([silent_server, silent_server], seconds=0.3)
    assert time.monotonic() - start < 2


def test_an_answer_is_an_answer_even_if_it_is_an_error(
    refusing_server: str, silent_server: str
) -> None:
    assert reachable([silent_server, refusing_server], seconds=10)


def test_without_an_answer_the_download_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datamodules.download.reachable", lambda urls: False)
    with (
        pytest.raises(UserError, match="X cannot be downloaded: no answer from U — do this"),
        downloading("X", ["U"], "do this"),
    ):
        pytest.fail("started")


class _OddError(Exception):
    pass


@pytest.mark.parametrize("error", [OSError, RuntimeError, ValueError, _OddError])
def test_a_failing_download_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr("datamodules.download.reachable", lambda urls: True)
    before = socket.getdefaulttimeout()
    with (
        pytest.raises(UserError, match="X cannot be downloaded: why — do this"),
        downloading("X", ["U"], "do this", (_OddError,)),
    ):
        raise error("why")
    assert socket.getdefaulttimeout() == before


def test_a_server_that_stalls_is_given_up(
    monkeypatch: pytest.MonkeyPatch, silent_server: str
) -> None:
    monkeypatch.setattr("datamodules.download.reachable", lambda urls: True)
    monkeypatch.setattr("datamodules.download._STALL_SECONDS", 0.3)
    with (
        pytest.raises(UserError, match="X cannot be downloaded: timed out"),
        downloading("X", ["U"], "do this"),
    ):
        urllib.request.urlopen(silent_server)


def test_a_mistake_in_the_code_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datamodules.download.reachable", lambda urls: True)
    with pytest.raises(KeyError), downloading("X", ["U"], "do this"):
        raise KeyError("wrong")
