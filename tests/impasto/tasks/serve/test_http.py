"""What a server of the page answers to requests that no page of it makes."""

from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse

import pytest

from impasto.tasks.serve.form import Suggestion
from impasto.tasks.serve.server import PageServer
from impasto.tasks.serve.session import Session
from impasto.tasks.serve.uploads import Limits
from tests.impasto.tasks.serve.sessions import EXPORTS, KINDS, PAINTERS


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with PageServer(0) as server:
        server.open(Session(PAINTERS, KINDS, EXPORTS, Limits(megabytes=1)), Suggestion())
        yield server.server_port
        server.shutdown()


def answer(port: int, method: str, path: str, body: str = "", **headers: str) -> HTTPResponse:
    """To a request with these headers and no others."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        connection.putheader(name, value)
    connection.endheaders(body.encode())
    return connection.getresponse()


ME = "0" * 32


def test_another_name_for_this_machine_gets_nothing(port: int) -> None:
    assert answer(port, "GET", "/form", Host="localhost").status == 200
    assert answer(port, "GET", "/page.js", Host="[::1]:7860").status == 200
    for path in ("/", "/form", "/page.js", f"/{ME}/photo", f"/{ME}/view/0", "/nothing"):
        for method in ("GET", "POST", "OPTIONS", "HEAD"):
            for headers in (
                {"Host": "evil.example"},
                {"Host": "evil.example", "Origin": "http://evil.example"},
                {"Host": "localhost", "Origin": "http://evil.example"},
                {"Host": "localhost", "Origin": "null"},
            ):
                headers["Access-Control-Request-Method"] = "POST"  # a preflight, where it is one
                found = answer(port, method, path, **headers)
                assert found.status == 403, (path, method, headers)
                assert not any("access-control" in name.lower() for name in found.headers)


def test_what_is_not_there_or_too_large_is_refused(port: int) -> None:
    host = {"Host": "localhost"}
    for path in ("/x", "/..%2fpage.py", "/examples/x", "/strokes/x", "/short/view/0", f"/{ME}/x/y"):
        assert answer(port, "GET", path, **host).status == 404, path
    assert answer(port, "POST", f"/{ME}/x", **host).status == 404
    assert answer(port, "POST", "/short/stop", **host).status == 404
    assert answer(port, "GET", f"/{ME}/view/0", **host).status == 400  # nothing is painted
    for length, status in (("1000001", 413), ("many", 411), ("-1", 411), ("", 411)):
        found = answer(port, "POST", f"/{ME}/photo", **host, **{"Content-Length": length})
        assert found.status == status  # before anything is sent
    assert answer(port, "POST", f"/{ME}/paint", "{}", **host).status == 400
    assert answer(port, "DELETE", "/", **host).status == 501
