"""The task `serve`: a page on this machine that paints what is dropped on it."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from annotated_types import Ge, Le

from impasto.bounds import Count, validated
from impasto.errors import UserError
from impasto.io.exporters import Exporter
from impasto.io.images import Size
from impasto.painters import Painter
from impasto.strokes import Bezier, Stroke
from impasto.tasks.serve.access import host_names
from impasto.tasks.serve.form import Suggestion
from impasto.tasks.serve.menus import Choice, require_choice
from impasto.tasks.serve.server import PageServer
from impasto.tasks.serve.session import Session
from impasto.tasks.serve.uploads import Limits

log = logging.getLogger(__name__)

_PORTS = range(7860, 7960)  # that are tried where none is given


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
    style: str = "photo",
    steps: Count | None = None,
    device: torch.device | str = "cpu",
) -> dict[str, object]:
    """Open the page, and keep it open until Ctrl-C.

    Nothing leaves the machine, and nothing that is dropped or painted stays on it: everything is in
    memory, which is bounded.

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
        size: Pixels on the longer side of what is downloaded, as the page suggests; the picture's
            by default.
        style: Which style it suggests.
        steps: The painters' own gradient steps, where some were asked for.
        device: Where to paint.

    Raises:
        UserError: The port is taken, a number is out of its bounds, or what is suggested cannot be
            had.
    """
    with _listening(port, host_names(hosts)) as server:  # an error now, not when all is loaded
        session = Session(painters, strokes, exports, limits, device)
        require_choice(strokes, session.kinds, stroke)
        require_choice(painters, session.painters, painter, stroke=Bezier(), strokes=count)
        address = server.open(session, Suggestion(count, painter, stroke, style, steps, size))
        log.info("the page is open at %s; Ctrl-C closes it", address)
        try:
            threading.Event().wait()
        finally:
            session.close()
            server.shutdown()
    return {}


def _listening(port: int | None, hosts: Sequence[str]) -> PageServer:
    """Return a server at the port that is asked for, or at the first of `_PORTS` that is free.

    It says so if that is another one than usual.

    Raises:
        UserError: None is.
    """
    ports: Sequence[int] = _PORTS if port is None else [port]
    for one in ports:
        try:
            server = PageServer(one, hosts)
        except OSError:
            continue
        if one != ports[0]:
            log.info("port %d is taken by another program; this page has %d", ports[0], one)
        return server
    if port is not None:
        raise UserError(f"port={port} is taken, or not allowed", "give another one, or none")
    what = f"no port from {ports[0]} to {ports[-1]} is free"
    raise UserError(what, "close what has them, or give port=NUMBER")
