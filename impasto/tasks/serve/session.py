"""Session of the page, without its looks: it paints orders one at a time, and exports."""

import base64
import binascii
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from impasto.errors import UserError
from impasto.io.exporters import Exporter
from impasto.io.record import StrokeRecord, write_record
from impasto.painters import Painter
from impasto.painters.budget import QUALITIES, in_words
from impasto.painters.detail import DETAILS
from impasto.painters.named import STYLES
from impasto.strokes import Bezier, Circle, Line, Stroke
from impasto.strokes.conversion import AlongCurve
from impasto.tasks.serve.menus import Choice, build_choices
from impasto.tasks.serve.messages import Message, Order
from impasto.tasks.serve.queue import Queue
from impasto.tasks.serve.uploads import Limits, read_upload
from impasto.tasks.serve.visitor import Photo, Visitor
from impasto.tasks.serve.worker import Worker

log = logging.getLogger(__name__)

# Of a painter when it is tried: what a style of the command line says is not for every kind.
_ANY: Any = {"strokes": 1, "along": 0.0, "longer": 1.0}
_PAUSE = 0.4  # seconds between two looks at a painting, at least
_LOOKING = 4.0  # and this many times as long as a look takes: most time is for painting
_LONGEST_PAUSE = 0.6  # seconds: who stops is answered within one
_EARLY = 0.05  # share of the steps before which nobody can tell how long the others take


class RecordFile(Exporter):
    """`strokes.json`, among the files that a painting can be had as."""

    def write(self, folder: Path, painting: StrokeRecord) -> Path:
        """See `Exporter.write`."""
        path = folder / "strokes.json"
        write_record(path, painting)
        return path


@dataclass
class Session:
    """Paints for the visitors of a page, one picture at a time.

    Attributes:
        painters: Painters by name; built with `stroke` and `strokes`. Those that cannot be built,
            such as an agent without weights, are left out.
        kinds: Stroke kinds by name; built with `opaque=True`, or without to be as they are. Those
            that cannot be built, such as a brush without its picture, or that none of the painters
            can paint with, are left out.
        exports: Exporters by name; those that lack something are left out. `json` is added.
        limits: What is too much.
        device: Where to paint.
        exporters: The exporters that are left, by name.
        own: Of each painter that has learned a stroke kind, that kind; None if it is given one.
        takes: The names of the kinds that each painter can be given; none where it has its own.
    """

    painters: Mapping[str, Choice[Painter]]
    kinds: Mapping[str, Choice[Stroke]]
    exports: Mapping[str, Choice[Exporter]]
    limits: Limits
    device: torch.device | str = "cpu"
    exporters: Mapping[str, Exporter] = field(init=False)
    own: Mapping[str, Stroke | None] = field(init=False)
    takes: Mapping[str, Sequence[str]] = field(init=False)

    def __post_init__(self) -> None:
        built = build_choices(self.painters, stroke=Circle(), **_ANY)
        self.painters = {name: self.painters[name] for name in built}
        again = build_choices(self.painters, stroke=Line(), **_ANY)
        # Who paints with the same kind whether given circles or lines has learned it.
        self.own = {
            name: one.stroke
            if name in again and again[name].stroke.name == one.stroke.name
            else None
            for name, one in built.items()
        }
        strokes = build_choices(self.kinds)
        self.takes = {
            name: [] if own is not None else _taken(self.painters[name], strokes)
            for name, own in self.own.items()
        }
        taken = {kind for kinds in self.takes.values() for kind in kinds}
        if None not in self.own.values():  # nothing to choose, and so nothing to leave out
            taken = set(strokes)
        self.kinds = {name: self.kinds[name] for name in strokes if name in taken}
        for name in strokes.keys() - taken:
            log.info("not offered: %s (none of the painters can be given it)", name)
        self.exporters = {
            **build_choices(self.exports, check=lambda one: one.check()),
            "json": RecordFile(),
        }
        self._queue, self._measuring = Queue(), threading.Lock()
        self._visitors: dict[str, Visitor] = {}
        self._lock = threading.Lock()

    def visitor(self, name: str) -> Visitor:
        """Return the visitor of that name; a new one if need be, in place of the oldest."""
        with self._lock:
            visitor = self._visitors.pop(name, None) or Visitor()
            self._visitors[name] = visitor  # the last one
            gone = list(self._visitors)[: -self.limits.visitors]
        for one in gone:
            self.leave(one)
        return visitor

    def leave(self, name: str) -> None:
        """Let a visitor go, and forget what they have."""
        with self._lock:
            visitor = self._visitors.pop(name, None)
        if visitor is not None:
            visitor.leave()

    def close(self) -> None:
        """Let all visitors go."""
        with self._lock:
            visitors = list(self._visitors.values())
            self._visitors.clear()
        for visitor in visitors:
            visitor.stop()
        for visitor in visitors:
            visitor.leave()

    def paint(self, visitor: Visitor, order: Order) -> Iterator[Message]:
        """Paint an order when its turn has come, and show it meanwhile."""
        try:
            photo = visitor.order()
            image = photo.read(self.limits)
            mask = None if order.mask is None else self._mask(order.mask)
            worker = Worker(image, self.painter(order), self.device, mask, order.detail)
            yield from self._paint(visitor, photo, worker)
        except UserError as error:
            yield Message(str(error), wrong=True)
        except Exception:  # whatever it is, the page goes on
            log.exception("a painting failed")
            yield Message("The painting failed; the program's log says why.", wrong=True)

    def painter(self, order: Order) -> Painter:
        """Build the painter of an order.

        Raises:
            UserError: Something in it is not to be had, or doesn't go with the rest.
        """
        for value, known in (
            (order.painter, self.painters),
            (order.style, STYLES),
            (order.detail, DETAILS),
            (order.quality, (None, *QUALITIES)),
        ):
            if value not in known:
                raise UserError(f"there is no {value}", f"choose from {', '.join(map(str, known))}")
        if order.strokes > (most := self.limits.strokes):
            raise UserError(f"{order.strokes} strokes make no painting here", f"give 1 to {most}")
        build = self.painters[order.painter].build
        if self.own[order.painter] is not None:
            painter = build(stroke=Bezier(), strokes=order.strokes, seed=order.seed)
        else:
            stroke, look = self._stroke(order), STYLES[order.style]
            aligned = isinstance(stroke, AlongCurve)  # others have no direction
            painter = build(
                stroke=stroke,
                strokes=order.strokes,
                seed=order.seed,
                background=tuple(order.background),
                along=look.along if aligned else 0.0,
                longer=look.longer if aligned else 1.0,
            )
        steps = None if order.quality is None else QUALITIES[order.quality]
        if steps is None or painter.gradient_steps is None:
            return painter
        return painter.with_steps(steps)

    def _stroke(self, order: Order) -> Stroke:
        if order.stroke not in self.takes[order.painter]:
            todo = f"choose from {', '.join(self.takes[order.painter])}"
            raise UserError(f"{order.stroke} is not to be had here", todo)
        build, limits = self.kinds[order.stroke].build, dict(STYLES[order.style].limits)
        limits.pop("opaque", None)  # the form has what the style says, unless it was changed
        if order.opaque:
            limits["opaque"] = True
        if order.palette is not None:
            limits["palette"] = order.palette
        if order.opaque or build().opaque:
            limits.pop("max_opacity", None)
        return build(**limits)

    def _mask(self, text: str) -> NDArray[np.uint8]:
        try:
            data = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise UserError("the mask is no picture", "draw it again") from error
        return read_upload(data, "the mask", self.limits)[..., :3]

    def seconds(self, visitor: Visitor, order: Order) -> dict[str, float]:
        """Measure how long each quality takes for a visitor's picture; none without steps.

        Raises:
            UserError: There is no picture, or see `painter`.
        """
        if visitor.photo is None:
            raise UserError("there is no picture", "drop one, or choose a file")
        painter = self.painter(order)
        height, width = visitor.photo.read(self.limits).shape[:2]
        with self._measuring:
            cost = painter.cost(height, width, self.device)
        if cost is None:
            return {}
        return {name: cost.seconds(steps) for name, steps in QUALITIES.items()}

    def _paint(self, visitor: Visitor, photo: Photo, worker: Worker) -> Iterator[Message]:
        with self._queue.place() as place:
            while ahead := place.wait(1.0):
                if visitor.stopped:
                    yield Message("Stopped, and out of the queue.")
                    return
                yield Message(f"In the queue: {_number(ahead, 'painting')} before this one.")
            yield Message("Looking at the picture.", share=0.0)
            visitor.begin(worker)
            try:
                yield from _watch(worker)
                if early := None if worker.wait(0) else worker.so_far():
                    yield _kept(visitor, photo, early)  # and the step goes on to its end
            finally:  # also when the page is closed
                worker.stop()
                worker.wait()
            result = worker.result()
        if result is None:
            yield Message("Stopped before the first stroke.")
        elif early is None:
            yield _kept(visitor, photo, *result)

    def export(self, visitor: Visitor, name: str, size: int | None = None) -> tuple[str, bytes]:
        """Write the visitor's painting as a file of an exporter: its name and its bytes.

        Raises:
            UserError: There is none, or it cannot be written so.
        """
        if name not in self.exporters:
            raise UserError(f"there is no {name}", f"choose from {', '.join(self.exporters)}")
        return visitor.export(self.exporters[name], size, self.limits)


def _taken(painter: Choice[Painter], strokes: Mapping[str, Stroke]) -> list[str]:
    """The names of the kinds that a painter can paint with."""
    taken = []
    for name, stroke in strokes.items():
        try:
            painter.build(stroke=stroke, **_ANY)
        except UserError:
            continue
        taken.append(name)
    return taken


def _kept(
    visitor: Visitor, photo: Photo, painting: StrokeRecord, psnr: float | None = None
) -> Message:
    """Give a visitor their painting, and say what it is; without PSNR it was stopped."""
    visitor.keep(painting, photo)
    strokes = _number(len(painting.strokes), "stroke")
    if psnr is None:  # drawn when it is asked for: who stops is answered at once
        return Message(f"Stopped: {strokes}.", painting=painting)
    text = f"Painted: {strokes}, {psnr:.1f} dB."
    return Message(text, visitor.after(None), painting=painting)


def _watch(worker: Worker) -> Iterator[Message]:
    """Yield views of a painting in progress until it is over, or stopped with something to show."""
    pause, begun = _PAUSE, time.monotonic()
    while not worker.wait(pause) and not (worker.stopped and worker.so_far()):
        now = time.monotonic()
        picture, progress = worker.look(), worker.progress
        pause = min(_LONGEST_PAUSE, max(_PAUSE, _LOOKING * (time.monotonic() - now)))
        if worker.stopped:
            text = "Stopping after this step."
        elif picture is None:
            text = "Looking at the picture."
        else:
            text = f"Painting: {_number(progress.strokes, 'stroke')}"
            if progress.share > _EARLY:
                left = (now - begun) * (1 / progress.share - 1)
                text += f", about {in_words(left)} left"
            text += "."
        yield Message(text, picture, progress.share)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
