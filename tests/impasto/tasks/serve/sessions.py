"""Sessions of a page, and what visitors of it order."""

import numpy as np

from impasto.errors import UserError
from impasto.io.exporters import Csv, Gcode, Mp4, Svg
from impasto.painters import Painter
from impasto.strokes import Bezier, Brush, Circle, Line, Stroke
from impasto.tasks.serve.form import encoded
from impasto.tasks.serve.menus import Choice
from impasto.tasks.serve.messages import Order
from impasto.tasks.serve.session import Session
from impasto.tasks.serve.uploads import Limits
from impasto.tasks.serve.visitor import Photo, Visitor
from tests.impasto.tasks.serve.painters import BrokenPainter, GrowingPainter, no_agent

LIMITS = Limits(strokes=20)


def agent(stroke: Stroke, strokes: int, **look: object) -> Painter:
    return GrowingPainter(Bezier(), strokes)


def broken(stroke: Stroke, strokes: int, **look: object) -> Painter:
    painter = BrokenPainter(RuntimeError("a bug"))
    painter.stroke = stroke
    return painter


class NoFfmpeg(Mp4):
    def check(self) -> None:
        raise UserError("no ffmpeg", "install it")


PAINTERS = {
    "free": Choice(GrowingPainter),
    "agent": Choice(agent),
    "none": Choice(no_agent),
    "broken": Choice(broken),
}
KINDS = {"circle": Choice(Circle), "line": Choice(Line), "brush": Choice(Brush)}
EXPORTS = {"svg": Choice(Svg), "csv": Choice(Csv), "gcode": Choice(Gcode), "mp4": Choice(NoFfmpeg)}


def picky(stroke: Stroke, strokes: int, **look: object) -> Painter:
    if stroke.name == "line":
        raise UserError("no lines", "give something round")
    return GrowingPainter(stroke, strokes)


PHOTO = Photo("photo.png", encoded(np.full((30, 60, 3), (200, 100, 50), np.uint8)))


def visitor_of(session: Session, name: str = "a", photo: Photo | None = PHOTO) -> Visitor:
    visitor = session.visitor(name)
    visitor.photo = photo
    return visitor


def order(painter: str = "free", **changes: object) -> Order:
    wanted = {"stroke": "circle", "strokes": 3, "detail": "none", **changes}
    return Order(painter, **wanted)  # type: ignore[arg-type]
