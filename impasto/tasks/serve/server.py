"""HTTP server of the page: its files, and what its script asks for.

A page's visitor has a name that its script drew at random, and that nobody can guess; it is the
first part of the paths of all that is theirs.
"""

import base64
import json
import logging
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from impasto.errors import UserError
from impasto.io.images import PNG_DATA_URI, fit_size, photo_data_uri, resize_image
from impasto.tasks.serve.access import is_own
from impasto.tasks.serve.form import (
    Suggestion,
    describe_form,
    encoded,
    example,
    stroke_picture,
)
from impasto.tasks.serve.messages import Message, read_order
from impasto.tasks.serve.session import Session
from impasto.tasks.serve.visitor import Photo, Visitor

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
_FILES = {"": "page.html", **{name: name for name in ("page.css", "page.js", "form.js")}}
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_VISITOR = re.compile(r"[0-9a-f]{32}")
_PREVIEW = 640  # pixels on the longer side of the picture that was dropped
_ORDER = 4_000_000  # bytes, with its mask
_AT_ONCE = 4  # bodies of requests that are in memory, besides what is kept
_SAFE = (
    ("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)


class PageServer(ThreadingHTTPServer):
    """Server of a page at a port of this machine; requests wait until `open` is called.

    Args:
        port: The port.
        hosts: Names that the page has besides those of this machine.

    Raises:
        OSError: The port is taken, or not allowed.
    """

    daemon_threads = False  # torch can't be cut off in the middle: closing waits for what is asked

    def __init__(self, port: int, hosts: Sequence[str] = ()) -> None:
        super().__init__((HOST, port), _Handler)
        self.hosts = hosts
        self.bodies = threading.BoundedSemaphore(_AT_ONCE)

    def open(self, session: Session, suggestion: Suggestion) -> str:
        """Answer from now on, in a thread; return the address."""
        self.session = session
        self.form = json.dumps(describe_form(session, suggestion)).encode()
        self.strokes = {name: stroke_picture(kind.build()) for name, kind in session.kinds.items()}
        threading.Thread(target=self.serve_forever, name="page", daemon=True).start()
        return f"http://{HOST}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what went wrong; that a browser has gone is no fault."""
        if isinstance(sys.exception(), OSError):
            log.debug("a browser has gone", exc_info=True)
        else:
            log.exception("a request failed")


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    timeout = 10  # seconds in which nothing comes or can be sent
    server_version, sys_version = "impasto", ""

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    def parse_request(self) -> bool:
        """Read a request's head; refuse it if it is not for this page."""
        if not super().parse_request():
            return False
        hosts, origins = (self.headers.get_all(name, []) for name in ("Host", "Origin"))
        if is_own(hosts, origins, self.server.hosts):
            return True
        text = "This page does not have that name. Its owner can add it: hosts=[NAME]."
        self._send(text.encode(), "text/plain; charset=utf-8", 403)
        return False

    def do_GET(self) -> None:
        """Answer what changes nothing."""
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        try:
            match parts:
                case [name] if name in _FILES:
                    file = _FILES[name]
                    text = resources.files(__package__).joinpath(file).read_bytes()
                    self._send(text, f"{_TYPES[file.rpartition('.')[2]]}; charset=utf-8")
                case ["form"]:
                    self._send(self.server.form, "application/json")
                case ["examples", name]:
                    self._send(example(name), "image/png")
                case ["strokes", name]:
                    self._send(self.server.strokes[name], "image/png")
                case [who, "view", count] if _VISITOR.fullmatch(who) and count.isdecimal():
                    self._send(encoded(self._visitor(who).after(int(count))), "image/png")
                case [who, "export", name] if _VISITOR.fullmatch(who):
                    self._export(self._visitor(who), name)
                case _:
                    raise KeyError(self.path)
        except KeyError:
            self._tell(UserError("there is no such page", "go to /"), 404)
        except UserError as error:
            self._tell(error)

    def do_POST(self) -> None:
        """Answer what a visitor does."""
        parts = urlsplit(self.path).path.strip("/").split("/")
        length = self.headers.get("Content-Length", "")
        try:
            if not (length.isascii() and length.isdigit()):
                self._tell(UserError("how long is it?", "say so"), 411)
            elif len(parts) != 2 or not _VISITOR.fullmatch(parts[0]):
                self._tell(UserError("there is no such page", "go to /"), 404)
            elif int(length) > (
                self.server.session.limits.bytes if parts[1] == "photo" else _ORDER
            ):
                most = self.server.session.limits.megabytes
                self._tell(UserError("the file is too large", f"give at most {most:g} MB"), 413)
            else:
                self._done(parts[0], parts[1], int(length))
        except UserError as error:
            self._tell(error)

    def _done(self, who: str, what: str, length: int) -> None:
        if what == "leave":
            self.server.session.leave(who)
            self._send(b"", "text/plain")
            return
        with self.server.bodies:
            body = self.rfile.read(length)
            if len(body) < length:
                return  # it went away
            visitor = self._visitor(who)
            if what == "photo":
                self._take(visitor, body)
                return
        if what == "stop":
            visitor.stop()
            self._send(b"{}", "application/json")
        elif what == "seconds":
            seconds = self.server.session.seconds(visitor, read_order(body))
            self._send(json.dumps(seconds).encode(), "application/json")
        elif what == "paint":
            order = read_order(body)
            self._stream(self.server.session.paint(visitor, order))
        else:
            self._tell(UserError("there is no such page", "go to /"), 404)

    def _visitor(self, who: str) -> Visitor:
        return self.server.session.visitor(who)

    def _take(self, visitor: Visitor, data: bytes) -> None:
        """Take a picture that was dropped, and show how it was understood."""
        photo = Photo(self._query("name") or "picture", data)
        picture = photo.read(self.server.session.limits)
        visitor.photo = photo
        height, width = picture.shape[:2]
        small = resize_image(picture, *fit_size(height, width, _PREVIEW))
        text = f"{photo.name}: {width} × {height} pixels."
        shown = {"text": text, "picture": photo_data_uri(small)}
        self._send(json.dumps(shown).encode(), "application/json")

    def _export(self, visitor: Visitor, name: str) -> None:
        size = self._query("size")
        if size and not (size.isascii() and size.isdigit()):
            raise UserError(f"a size of {size}", "give a number of pixels")
        file, data = self.server.session.export(visitor, name, int(size) if size else None)
        disposition = f"attachment; filename*=UTF-8''{quote(file)}"
        headers = [("Content-Disposition", disposition)]
        self._send(data, "application/octet-stream", headers=headers)

    def _query(self, name: str) -> str:
        return parse_qs(urlsplit(self.path).query).get(name, [""])[0]

    def _stream(self, messages: Iterator[Message]) -> None:
        """Send messages as they come; where the browser has gone, what makes them ends."""
        self._head("application/x-ndjson", 200, [])
        with closing(messages):  # type: ignore[type-var]
            for message in messages:
                self.wfile.write(_line(message))
                self.wfile.flush()

    def _tell(self, error: UserError, status: int = 400) -> None:
        self._send(
            json.dumps({"text": str(error), "wrong": True}).encode(), "application/json", status
        )

    def _send(
        self, body: bytes, kind: str, status: int = 200, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        self._head(kind, status, [("Content-Length", str(len(body))), *headers])
        self.wfile.write(body)

    def _head(self, kind: str, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), *headers, *_SAFE):
            self.send_header(name, value)
        self.end_headers()


def _line(message: Message) -> bytes:
    """A message as a line of JSON."""
    picture = None
    if message.picture is not None:
        picture = PNG_DATA_URI + base64.b64encode(encoded(message.picture)).decode("ascii")
    strokes = None if message.painting is None else len(message.painting.strokes)
    shown = {"text": message.text, "share": message.share, "wrong": message.wrong}
    return json.dumps({**shown, "picture": picture, "strokes": strokes}).encode() + b"\n"
