"""Events of the page: its buttons and sliders, and what the session does about them."""

import html
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
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

    def connect(self) -> None:
        """Connect every part with its handler."""
        controls, stage = self._controls, self._stage
        controls.photo.upload(
            self.dropped,
            [stage.visitor, controls.photo],
            [controls.photo, stage.canvas, controls.status],
            **QUIET,
        )
        controls.painter.change(
            self.painter_chosen,
            [controls.painter, controls.kind],
            [controls.kind, controls.opaque],
            **QUIET,
        )
        order = [controls.photo, controls.painter, controls.kind, controls.opaque, controls.strokes]
        changed = self._changed_by_paint()
        asked = controls.paint.click(self.ask, None, changed, queue=False, **QUIET)
        painted = asked.then(
            self.paint,
            [stage.visitor, *order],
            changed,
            show_progress_on=controls.status,
            **QUIET
            | {"show_progress": "minimal", "concurrency_limit": 1},  # the place in the queue
        )
        stopped = controls.stop.click(self.stop, stage.visitor, changed, cancels=[painted], **QUIET)
        shown = [stage.canvas, stage.at]
        fresh = [stage.visitor, stage.fresh]
        plays = [
            painted.success(self.play_fresh, fresh, shown, **QUIET),
            stopped.success(self.play_fresh, fresh, shown, **QUIET),
            stage.play.click(self.play, stage.visitor, shown, **QUIET),
        ]
        stage.at.input(
            self.scrub,
            [stage.visitor, stage.at],
            stage.canvas,
            cancels=plays,
            trigger_mode="always_last",
            preprocess=False,
            **QUIET,
        )
        for name, button in stage.exports.items():
            made = button.click(
                self.exporting(name), stage.visitor, [controls.status, stage.file], **QUIET
            )
            made.success(None, None, None, js=_DOWNLOAD)

    def dropped(self, visitor: Visitor, path: str | None) -> tuple[Any, Any, str]:
        """Show a picture that was dropped, or say what is wrong with it."""
        if path is None:
            return gr.skip(), gr.skip(), ""
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

    def ask(self) -> list[Any]:
        """Get in the queue, as the button Paint does."""
        return self._changed(Message("In the queue."))

    def paint(self, visitor: Visitor, *order: Any) -> Iterator[list[Any]]:
        """Paint an order, an `Order`'s attributes, whose turn has come."""
        yield from self._updates(visitor, self._session.paint(visitor, Order(*order)))

    def stop(self, visitor: Visitor) -> Iterator[list[Any]]:
        """Show what there is of the painting, once `paint` was cancelled by the button Stop."""
        yield from self._updates(visitor, self._session.stop(visitor))

    def _updates(self, visitor: Visitor, messages: Iterator[Message]) -> Iterator[list[Any]]:
        for message in messages:
            yield self._changed(message, visitor)
        yield self._changed(replace(message, picture=None), visitor, last=True)

    def _changed_by_paint(self) -> list[Any]:
        controls, stage = self._controls, self._stage
        buttons = [controls.paint, controls.stop, stage.play, stage.at]
        return [stage.canvas, controls.status, stage.fresh, *buttons, *stage.exports.values()]

    def _changed(
        self, message: Message, visitor: Visitor | None = None, last: bool = False
    ) -> list[Any]:
        """Updates of `_changed_by_paint` for a message, after the last of which all is idle."""
        picture = message.picture
        shown = gr.skip() if visitor is None or picture is None else _shown(visitor, picture)
        fresh = last and message.painting is not None
        buttons = [gr.Button(interactive=last), gr.Button(interactive=not last)]
        count = visitor.count if visitor is not None and last else 0
        return [shown, status(message), fresh, *buttons, *self._stage.enabled(count, fresh)]

    def play(self, visitor: Visitor) -> Iterator[tuple[str | None, int]]:
        """Play stroke by stroke, as the button Play does."""
        for count in play(visitor):
            yield _shown(visitor, visitor.after(count)), count

    def play_fresh(
        self, visitor: Visitor, fresh: bool
    ) -> Iterator[tuple[str | None, int] | tuple[Any, Any]]:
        """Play a fresh painting, unless it failed."""
        if fresh:
            yield from self.play(visitor)
        else:
            yield gr.skip(), gr.skip()

    def scrub(self, visitor: Visitor, count: object) -> Any:
        """Show the painting at the slider's number, whatever was typed there."""
        if isinstance(count, int | float) and math.isfinite(count):
            return _shown(visitor, visitor.after(int(count)))
        return gr.skip()

    def exporting(self, name: str) -> Callable[..., Iterator[tuple[Any, Any]]]:
        """Return what the button of an exporter does."""

        def export(visitor: Visitor) -> Iterator[tuple[Any, Any]]:
            yield status(Message(f"Making the {name.upper()} file.")), gr.skip()
            try:
                path = self._session.export(visitor, name)
            except UserError as error:
                # What is to be done about it is said for the command line.
                yield status(Message(error.what, wrong=True)), gr.DownloadButton(value=None)
            else:
                text = f"{path.name}: {path.stat().st_size / 1e6:.2f} MB."
                yield status(Message(text)), gr.DownloadButton(value=str(path))

        return export


def _shown(visitor: Visitor, picture: NDArray[np.uint8] | None) -> str | None:
    """Return what the canvas is given: the path of a file in the visitor's folder."""
    return None if picture is None else str(visitor.view(picture))


def status(message: Message) -> str:
    """Text and progress of a message, as HTML."""
    share = "" if message.share is None else f'<progress value="{message.share:.3f}"></progress>'
    kind = "wrong" if message.wrong else "fine"
    return f'<div role="status" class="{kind}">{html.escape(message.text)}{share}</div>'
