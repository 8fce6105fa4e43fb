"""The task `serve`: a page on this machine that paints what is dropped on it."""

import logging
import os
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import torch
from annotated_types import Ge, Le

from impasto.bounds import Count, validated
from impasto.errors import UserError
from impasto.io.exporters import Exporter
from impasto.io.images import Size, asked_size
from impasto.painters import Painter
from impasto.strokes import Bezier, Stroke
from impasto.tasks.serve.access import AccessControl, host_names
from impasto.tasks.serve.menus import Choice, require_choice
from impasto.tasks.serve.session import Session
from impasto.tasks.serve.uploads import Limits

log = logging.getLogger(__name__)

_HOST = "127.0.0.1"
_PORTS = range(7860, 7960)  # that are tried where none is given
_LAST_PORT = 65535
_TIDY_SECONDS = 60.0  # between two looks at what is too old
# Gradio reads these when it is loaded, and when a page is made.
_ENVIRONMENT = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}


@validated
def serve(
    painters: Mapping[str, Choice[Painter]],
    strokes: Mapping[str, Choice[Stroke]],
    exports: Mapping[str, Choice[Exporter]],
    limits: Limits,
    count: Count = 500,
    painter: str | None = None,
    stroke: str | None = None,
    port: Annotated[int, Ge(1), Le(65535)] | None = None,
    hosts: Sequence[str] = (),
    size: Size | None = None,
    device: torch.device | str = "cpu",
) -> dict[str, object]:
    """Open the page, and keep it open until Ctrl-C.

    Nothing leaves the machine, and nothing that is dropped, painted or downloaded stays on it:
    everything is in a temporary folder, which is bounded, and removed at the end.

    Args:
        painters: To choose from; built with `stroke` and `strokes`.
        strokes: Stroke kinds to choose from; built with `opaque` or without.
        exports: What a painting can be downloaded as.
        limits: What is too much.
        count: How many strokes the page suggests.
        painter: Which painter it suggests.
        stroke: Which stroke kind it suggests.
        port: Of 127.0.0.1; by default the first free one from 7860 on.
        hosts: Names by which the page may be asked for, besides those of this machine: a proxy's.
        size: Pixels on the longer side of what is downloaded; the picture's by default.
        device: Where to paint.

    Raises:
        UserError: Gradio is not installed, the port is taken, a number is out of its bounds, or
            what is suggested cannot be had.
    """
    asked_size(1, 1, size)  # an error now, not in front of a visitor
    names = host_names(hosts)
    candidates = _candidates(port)
    with _temporary_folder() as folder:
        session = Session(painters, strokes, exports, limits, folder, size, device)
        require_choice(strokes, session.kinds, stroke)
        require_choice(painters, session.painters, painter, stroke=Bezier(), strokes=count)
        with _opened(session, count, painter, stroke, names, candidates) as address:
            log.info("the page is open at %s; Ctrl-C closes it", address)
            while not threading.Event().wait(_TIDY_SECONDS):
                session.storage.tidy()
    return {}


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A folder for everything, Gradio's files too, that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="impasto-") as name:
        changes = {**_ENVIRONMENT, "GRADIO_TEMP_DIR": name}
        before = {key: os.environ.get(key) for key in changes}
        os.environ.update(changes)
        try:
            yield Path(name)
        finally:
            for key, value in before.items():
                if value is None:
                    os.environ.pop(key, None)
                else:
                    os.environ[key] = value


@contextmanager
def _opened(
    session: Session,
    count: int,
    painter: str | None,
    stroke: str | None,
    hosts: Sequence[str],
    ports: Sequence[int],
) -> Iterator[str]:
    """Open the page of a session; yield its address."""
    try:
        from impasto.tasks.serve.layout import CSS, build_page
    except ModuleNotFoundError as error:
        if error.name != "gradio":
            raise
        raise UserError("task=serve needs gradio", "run pip install '.[serve]'") from error
    logging.getLogger("httpx").setLevel(logging.WARNING)  # Gradio looks whether the page is there
    page = build_page(session, count, painter, stroke)

    @asynccontextmanager
    async def behind_door(app: Any) -> AsyncIterator[None]:
        # Gradio's own middleware answers some requests (CORS preflights) before any that it is
        # given is asked, so access control goes around all of it, before the first request comes.
        app.middleware_stack = AccessControl(
            app.middleware_stack, hosts, session.storage, session.limits.bytes
        )
        yield

    def launch(port: int) -> str:
        _, address, _ = page.launch(
            server_name=_HOST,
            server_port=port,
            max_file_size=session.limits.bytes,
            css=CSS,
            quiet=True,
            share=False,
            inbrowser=False,
            prevent_thread_lock=True,
            footer_links=[],
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            enable_monitoring=False,
            app_kwargs={"lifespan": behind_door},
        )
        return str(address)

    address = _launched(ports, launch)
    try:
        yield address
    finally:
        session.close()
        page.close(verbose=False)


def _candidates(port: int | None) -> Sequence[int]:
    """The ports to try: the one that is asked for, or `_PORTS`.

    Raises:
        UserError: None is free.
    """
    if port is None:
        ports: Sequence[int] = _PORTS
    else:
        ports = [port]
    if not any(_is_free(port) for port in ports):  # an error now, not when all is loaded
        raise _all_taken(ports)
    return ports


def _launched(ports: Sequence[int], launch: Callable[[int], str]) -> str:
    """The address of a page launched at the first port that is free.

    It says so if that is another one than usual.

    Raises:
        UserError: None is.
    """
    for port in filter(_is_free, ports):
        try:
            address = launch(port)
        except OSError:  # in this moment another program took it
            continue
        if port != ports[0]:
            log.info("port %d is taken by another program; this page has %d", ports[0], port)
        return address
    raise _all_taken(ports)


def _all_taken(ports: Sequence[int]) -> UserError:
    if ports is not _PORTS:
        what = f"port={ports[0]} is taken, or not allowed"
        return UserError(what, "give another one, or none")
    what = f"no port from {ports[0]} to {ports[-1]} is free"
    return UserError(what, "close what has them, or give port=NUMBER")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # also a moment after its use
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True
