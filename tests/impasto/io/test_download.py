import contextlib
import http.server
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from impasto.errors import UserError
from impasto.io.download import downloading, reachable


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


@pytest.fixture
def serve() -> Iterator[Callable[[int], str]]:
    """Start a server that answers one request with a status."""
    with contextlib.ExitStack() as stack:

        def start(status: int) -> str:
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_HEAD(self) -> None:
                    self.send_response(status)
                    self.end_headers()

            server = stack.enter_context(http.server.HTTPServer(("127.0.0.1", 0), Handler))
            thread = threading.Thread(target=server.handle_request, daemon=True)
            thread.start()
            stack.callback(thread.join, 5)
            return f"http://127.0.0.1:{server.server_port}/"

        yield start


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_a_silent_server_is_given_up_in_time(silent_server: str) -> None:
    start = time.monotonic()
    assert not reachable([silent_server, silent_server], seconds=0.3)
    assert time.monotonic() - start < 2


def test_a_server_that_refuses_is_not_waited_for() -> None:
    with socket.socket() as server:  # bound and not listening
        server.bind(("127.0.0.1", 0))
        start = time.monotonic()
        assert not reachable([f"http://127.0.0.1:{server.getsockname()[1]}/"], seconds=60)
        assert time.monotonic() - start < 30


@pytest.mark.parametrize(("status", "expected"), [(200, True), (404, True), (503, False)])
def test_a_page_that_is_not_there_is_an_answer_and_a_server_in_trouble_is_none(
    serve: Callable[[int], str], silent_server: str, status: int, expected: bool
) -> None:
    seconds = 10 if expected else 0.5
    assert reachable([silent_server, serve(status)], seconds) == expected


def test_without_an_answer_the_download_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.io.download.reachable", lambda urls: False)
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
    monkeypatch.setattr("impasto.io.download.reachable", lambda urls: True)
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
    monkeypatch.setattr("impasto.io.download.reachable", lambda urls: True)
    monkeypatch.setattr("impasto.io.download._STALL_SECONDS", 0.3)
    with (
        pytest.raises(UserError, match="X cannot be downloaded: timed out"),
        downloading("X", ["U"], "do this"),
    ):
        urllib.request.urlopen(silent_server)


def test_a_mistake_in_the_code_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.io.download.reachable", lambda urls: True)
    with pytest.raises(KeyError), downloading("X", ["U"], "do this"):
        raise KeyError("wrong")
