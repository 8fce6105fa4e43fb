"""The task `serve`: a page on this machine that paints what is dropped on it."""

import logging
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
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
    with _temporary_folder() as folder:
        session = Session(painters, strokes, exports, limits, folder, size, device)
        require_choice(strokes, session.kinds, stroke)
        require_choice(painters, session.painters, painter, stroke=Bezier(), strokes=count)
        with _opened(session, count, painter, stroke, names, port) as address:
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
    port: int | None,
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

    address = _launch(
        page,
        port,
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
    try:
        yield address
    finally:
        session.close()
        page.close(verbose=False)


def _launch(page: Any, port: int | None, **options: Any) -> str:
    """Open a page at a port, or at the first one that is free; return its address.

    It says so if that is another one than usual.

    Raises:
        UserError: The port is taken, or all of them are.
    """
    from gradio.http_server import INITIAL_PORT_VALUE as usual
    from gradio.http_server import TRY_NUM_PORTS

    try:
        _, address, _ = page.launch(server_name=_HOST, server_port=port, **options)
    except OSError as error:
        what, todo = f"port={port} is taken, or not allowed", "give another one, or none"
        if port is None:
            what = f"no port from {usual} to {usual + TRY_NUM_PORTS - 1} is free"
            todo = "close what has them, or give port=NUMBER"
        raise UserError(what, todo) from error
    if port is None and page.server_port != usual:
        log.info("port %d is taken by another program; this page has %d", usual, page.server_port)
    return str(address)
