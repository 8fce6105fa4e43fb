"""Events of the page: its buttons and sliders, and what the session does about them."""

import html
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from impasto.errors import UserError
from impasto.io.images import fit_size, resize_image
from impasto.tasks.serve.messages import Message, Order
from impasto.tasks.serve.session import Session, play
from impasto.tasks.serve.uploads import read_upload
from impasto.tasks.serve.visitor import Visitor

if TYPE_CHECKING:
    from impasto.tasks.serve.layout import Controls, Stage

# Nothing shows that it works but what it does, and no other program is meant to call it.
QUIET: Any = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
_PREVIEW = 640  # pixels on the longer side of the picture that was dropped
# Clicks the link to the file that was just made; the link is there a moment later.
_DOWNLOAD = "() => { setTimeout(() => document.querySelector('#file')?.click(), 300); }"


class Events:
    """Handlers that join a page's parts with its session.

    Args:
        session: What the page does.
        controls: The left side.
        stage: The right side.
    """

    def __init__(self, session: Session, controls: "Controls", stage: "Stage") -> None:
        self._session, self._controls, self._stage = session, controls, stage

    def connect(self, page: gr.Blocks) -> None:
        """Connect every part with its handler."""
        controls, stage = self._controls, self._stage
        controls.photo.upload(
            self.dropped, controls.photo, [controls.photo, stage.canvas, controls.status], **QUIET
        )
        controls.painter.change(
            self.painter_chosen,
            [controls.painter, controls.kind],
            [controls.kind, controls.opaque],
            **QUIET,
        )
        order = [controls.photo, controls.painter, controls.kind, controls.opaque, controls.strokes]
        painted = controls.paint.click(self.paint, order, self._shown_by_paint(), **QUIET)
        controls.stop.click(self.stop, None, None, queue=False, **QUIET)
        shown = [stage.canvas, stage.at]
        first = painted.success(self.play_fresh, stage.fresh, shown, **QUIET)
        again = stage.play.click(self.play, None, shown, **QUIET)
        stage.at.input(
            self.scrub,
            stage.at,
            stage.canvas,
            cancels=[first, again],
            trigger_mode="always_last",
            preprocess=False,
            **QUIET,
        )
        for name, button in stage.exports.items():
            made = button.click(self.exporting(name), None, [controls.status, stage.file], **QUIET)
            made.success(None, None, None, js=_DOWNLOAD)
        page.unload(self.leave)

    def dropped(self, path: str | None, request: gr.Request) -> tuple[Any, Any, str]:
        """Show a picture that was dropped, or say what is wrong with it."""
        if path is None:
            return gr.skip(), gr.skip(), ""
        visitor = self._visitor(request)
        try:
            taken = visitor.take(Path(path))
            picture = read_upload(taken, self._session.limits)
        except UserError as error:
            return None, gr.skip(), status(Message(str(error), wrong=True))
        height, width = picture.shape[:2]
        small = resize_image(picture, *fit_size(height, width, _PREVIEW))
        return str(taken), _shown(visitor, small), status(Message(f"{width} × {height} pixels."))

    def painter_chosen(self, name: str, kind: str) -> tuple[Any, Any]:
        """Offer the stroke kinds that the chosen painter can paint with."""
        if self._session.own[name] is not None:
            return gr.Dropdown(interactive=False), gr.Checkbox(interactive=False)
        taken = self._session.takes[name]
        value = kind if kind in taken else next(iter(taken), None)
        kinds = gr.Dropdown(list(taken), value=value, interactive=True)
        return kinds, gr.Checkbox(interactive=True)

    def paint(
        self,
        path: str | None,
        painter: str,
        stroke: str,
        opaque: bool,
        strokes: float,
        request: gr.Request,
    ) -> Iterator[list[Any]]:
        """Paint, as the button Paint does."""
        stage, visitor = self._stage, self._visitor(request)
        busy = stage.enabled(0)
        for message in self._session.paint(visitor, Order(path, painter, stroke, opaque, strokes)):
            picture = gr.skip() if message.picture is None else _shown(visitor, message.picture)
            buttons = [gr.Button(interactive=False), gr.Button(interactive=True)]
            yield [picture, status(message), False, *buttons, *busy]
        fresh = message.painting is not None
        buttons = [gr.Button(interactive=True), gr.Button(interactive=False)]
        yield [gr.skip(), status(message), fresh, *buttons, *stage.enabled(visitor.count, fresh)]

    def _shown_by_paint(self) -> list[Any]:
        controls, stage = self._controls, self._stage
        buttons = [controls.paint, controls.stop, stage.play, stage.at]
        return [stage.canvas, controls.status, stage.fresh, *buttons, *stage.exports.values()]

    def stop(self, request: gr.Request) -> None:
        """Stop, as the button Stop does."""
        self._visitor(request).stop()

    def play(self, request: gr.Request) -> Iterator[tuple[str | None, int]]:
        """Play stroke by stroke, as the button Play does."""
        visitor = self._visitor(request)
        for count in play(visitor):
            yield _shown(visitor, visitor.after(count)), count

    def play_fresh(
        self, fresh: bool, request: gr.Request
    ) -> Iterator[tuple[str | None, int] | tuple[Any, Any]]:
        """Play a fresh painting, unless it failed."""
        if fresh:
            yield from self.play(request)
        else:
            yield gr.skip(), gr.skip()

    def scrub(self, count: object, request: gr.Request) -> Any:
        """Show the painting at the slider's number, whatever was typed there."""
        if isinstance(count, int | float) and math.isfinite(count):
            visitor = self._visitor(request)
            return _shown(visitor, visitor.after(int(count)))
        return gr.skip()

    def exporting(self, name: str) -> Callable[..., Iterator[tuple[Any, Any]]]:
        """Return what the button of an exporter does."""

        def export(request: gr.Request) -> Iterator[tuple[Any, Any]]:
            yield status(Message(f"Making the {name.upper()} file.")), gr.skip()
            try:
                path = self._session.export(self._visitor(request), name)
            except UserError as error:
                # What is to be done about it is said for the command line.
                yield status(Message(error.what, wrong=True)), gr.DownloadButton(value=None)
            else:
                text = f"{path.name}: {path.stat().st_size / 1e6:.2f} MB."
                yield status(Message(text)), gr.DownloadButton(value=str(path))

        return export

    def leave(self, request: gr.Request) -> None:
        """Clean up after a page that was closed."""
        self._session.leave(str(request.session_hash))

    def _visitor(self, request: gr.Request) -> Visitor:
        return self._session.visitor(str(request.session_hash))


def _shown(visitor: Visitor, picture: NDArray[np.uint8] | None) -> str | None:
    """Return what the canvas is given: the path of a file in the visitor's folder."""
    return None if picture is None else str(visitor.view(picture))


def status(message: Message) -> str:
    """Text and progress of a message, as HTML."""
    share = "" if message.share is None else f'<progress value="{message.share:.3f}"></progress>'
    kind = "wrong" if message.wrong else "fine"
    return f'<div role="status" class="{kind}">{html.escape(message.text)}{share}</div>'
