"""Session of the page, without its looks: it paints orders one at a time, plays and exports."""

import logging
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from impasto.errors import UserError
from impasto.io.exporters import Exporter
from impasto.io.record import StrokeRecord, write_record
from impasto.painters import Painter
from impasto.strokes import Bezier, Circle, Line, Stroke
from impasto.tasks.serve.menus import Choice, build_choices
from impasto.tasks.serve.messages import Message, Order
from impasto.tasks.serve.queue import Queue
from impasto.tasks.serve.storage import TemporaryStorage
from impasto.tasks.serve.uploads import Limits, read_upload
from impasto.tasks.serve.visitor import Visitor
from impasto.tasks.serve.worker import Worker

log = logging.getLogger(__name__)

_PAUSE = 0.4  # seconds between two looks at a painting, at least
_LOOKING = 4.0  # and this many times as long as a look takes: most time is for painting
_PLAY_SECONDS = 8.0  # at most
_STROKES_A_SECOND = 8.0  # that are played, at least
_FRAME_SECONDS = 0.1


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
        folder: Where files may go: a temporary one, in which uploads lie as well.
        size: Pixels on the longer side of what is exported; the picture's by default.
        device: Where to paint.
        storage: The folder, and its bound.
        exporters: The exporters that are left, by name.
        own: Of each painter that has learned a stroke kind, that kind; None if it is given one.
        takes: The names of the kinds that each painter can be given; none where it has its own.
    """

    painters: Mapping[str, Choice[Painter]]
    kinds: Mapping[str, Choice[Stroke]]
    exports: Mapping[str, Choice[Exporter]]
    limits: Limits
    folder: Path
    size: int | None = None
    device: torch.device | str = "cpu"
    storage: TemporaryStorage = field(init=False)
    exporters: Mapping[str, Exporter] = field(init=False)
    own: Mapping[str, Stroke | None] = field(init=False)
    takes: Mapping[str, Sequence[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.storage = self.limits.storage(self.folder)
        built = build_choices(self.painters, stroke=Circle(), strokes=1)
        self.painters = {name: self.painters[name] for name in built}
        again = build_choices(self.painters, stroke=Line(), strokes=1)
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
        self._queue = Queue()
        self._visitors: dict[str, Visitor] = {}
        self._lock = threading.Lock()

    def visitor(self, name: str) -> Visitor:
        """Return the visitor of that name, a new one if need be."""
        with self._lock:
            if name not in self._visitors:
                # Who knows a file's path can download it, so nobody must be able to guess one.
                folder = self.folder / secrets.token_hex(16)
                self._visitors[name] = Visitor(self.limits.storage(folder, one=True), self.storage)
            return self._visitors[name]

    def leave(self, name: str) -> None:
        """Let a visitor go, and remove their files."""
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
        visitor.order()
        try:
            if order.path is None:
                raise UserError("there is no picture", "drop one, or choose a file")
            image = read_upload(order.path, self.limits)
            painter = self._painter(order)
            yield from self._paint(visitor, image, painter)
        except UserError as error:
            yield Message(str(error), wrong=True)
        except Exception:  # whatever it is, the page goes on
            log.exception("a painting failed")
            yield Message("The painting failed; the program's log says why.", wrong=True)

    def _painter(self, order: Order) -> Painter:
        strokes, most = order.strokes, self.limits.strokes
        if not 1 <= strokes <= most or strokes != int(strokes):
            raise UserError(f"{strokes:g} strokes make no painting here", f"give 1 to {most}")
        opaque = {"opaque": True} if order.opaque else {}
        takes_any = self.own[order.painter] is None
        stroke = self.kinds[order.stroke].build(**opaque) if takes_any else Bezier()
        return self.painters[order.painter].build(stroke=stroke, strokes=int(strokes))

    def _paint(
        self, visitor: Visitor, image: NDArray[np.uint8], painter: Painter
    ) -> Iterator[Message]:
        with self._queue.place() as place:
            while ahead := place.wait(1.0):
                if visitor.stopped:
                    yield Message("Stopped, and out of the queue.")
                    return
                yield Message(f"In the queue: {_number(ahead, 'painting')} before this one.")
            yield Message("Looking at the picture.", share=0.0)
            worker = Worker(image, painter, self.device, self.size)
            visitor.begin(worker)
            try:
                yield from _watch(worker, painter)
            finally:  # also when the page is closed
                worker.stop()
                worker.wait()
            result = worker.result()
        if result is None:
            yield Message("Stopped before the first stroke.")
            return
        painting, psnr = result
        visitor.keep(painting)
        word = "Stopped" if visitor.stopped else "Painted"
        strokes = _number(len(painting.strokes), "stroke")
        yield Message(f"{word}: {strokes}, {psnr:.1f} dB.", visitor.after(None), painting=painting)

    def export(self, visitor: Visitor, name: str) -> Path:
        """Write the visitor's painting as a file of that name.

        Raises:
            UserError: There is none, or it cannot be written so.
        """
        return visitor.export(self.exporters[name], self.size)


def _taken(painter: Choice[Painter], strokes: Mapping[str, Stroke]) -> list[str]:
    """The names of the kinds that a painter can paint with."""
    taken = []
    for name, stroke in strokes.items():
        try:
            painter.build(stroke=stroke, strokes=1)
        except UserError:
            continue
        taken.append(name)
    return taken


def play(visitor: Visitor, seconds: float | None = None) -> Iterator[int]:
    """Yield after how many strokes a visitor's painting is to be shown, in real time.

    From the blank canvas to the end in so many seconds, by default what its number of strokes
    needs; as many frames as there is time for, at most one a stroke.
    """
    strokes = visitor.count
    if seconds is None:
        seconds = max(_FRAME_SECONDS, min(_PLAY_SECONDS, strokes / _STROKES_A_SECOND))
    begun = time.monotonic()
    shown = 0
    yield shown
    while shown < strokes:
        time.sleep(_FRAME_SECONDS)
        share = (time.monotonic() - begun) / seconds
        shown = min(strokes, max(shown + 1, int(strokes * share)))
        yield shown


def _watch(worker: Worker, painter: Painter) -> Iterator[Message]:
    """Yield views of a painting in progress until it is over."""
    pause = _PAUSE
    while not worker.wait(pause):
        begun = time.monotonic()
        picture, progress = worker.look(), worker.progress
        pause = max(_PAUSE, _LOOKING * (time.monotonic() - begun))
        if worker.stopped:
            text = "Stopping after this step."
        elif picture is None:
            text = "Looking at the picture."
        else:
            strokes = f"{progress.strokes} of {_number(painter.strokes, 'stroke')}"
            text = f"Painting: {strokes}, canvas {progress.psnr:.1f} dB."
        yield Message(text, picture, progress.share)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
