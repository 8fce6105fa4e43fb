"""Opening the page: its port, what the command line chose, what must be installed."""

import json
import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from impasto.errors import UserError
from impasto.strokes import Brush, Circle
from impasto.tasks.serve import task as module
from impasto.tasks.serve.menus import Choice
from impasto.tasks.serve.task import serve
from impasto.tasks.serve.uploads import Limits
from tests.impasto.tasks.serve.painters import GrowingPainter, no_agent


def open_page(port: int | None = None, **more: Any) -> None:
    """Of a page that must not open."""
    painters, kinds = (
        {"grow": Choice(GrowingPainter), "agent (mine)": Choice(no_agent)},
        {"circle": Choice(Circle), "brush": Choice(Brush)},
    )
    serve(painters, kinds, {}, Limits(), port=port, **more)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_that_is_taken_or_none(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=f"port={taken} is taken"):
        open_page(taken)
    for port in (0, 65536, -1, True):
        with pytest.raises(UserError, match=f"^`port` is {json.dumps(port)} — give"):
            open_page(port)
    monkeypatch.setattr(module, "_PORTS", range(taken, taken + 1))
    with pytest.raises(UserError, match=f"no port from {taken} to {taken} is free"):
        open_page()
    with pytest.raises(UserError, match="`size` is 0 — give"):
        open_page(size=0)


def test_what_the_command_line_chose_must_be_there() -> None:
    for wanted, said in {
        "brush": "`image` is not set",
        "ring": "ring is not to be had here — choose from circle$",
    }.items():
        with pytest.raises(UserError, match=said):
            open_page(stroke=wanted)
    with pytest.raises(UserError, match="no weights"):
        open_page(painter="agent")


def test_the_next_free_port_is_taken_and_said(
    taken: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_PORTS", range(taken, taken + 50))
    with caplog.at_level(logging.INFO), module._listening(None, []) as server:
        port = server.server_port
    assert taken < port < taken + 50
    assert caplog.messages == [f"port {taken} is taken by another program; this page has {port}"]
