"""What the page does, without a page."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.errors import UserError
from impasto.io.exporters import Csv, Gcode, Mp4, Svg
from impasto.io.record import read_record
from impasto.painters import OptimizePainter, Painter
from impasto.rendering import draw_picture
from impasto.strokes import Bezier, Brush, Circle, Line, MyPaint, Stroke
from impasto.tasks.serve.menus import Choice, require_choice
from impasto.tasks.serve.messages import Message, Order
from impasto.tasks.serve.session import Session, play
from impasto.tasks.serve.uploads import Limits
from tests.impasto.tasks.serve.painters import BrokenPainter, GrowingPainter, no_agent

LIMITS = Limits(strokes=20)


def agent(stroke: Stroke, strokes: int) -> Painter:
    return GrowingPainter(Bezier(), strokes)


def broken(stroke: Stroke, strokes: int) -> Painter:
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


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    opened = Session(PAINTERS, KINDS, EXPORTS, LIMITS, tmp_path / "files")
    yield opened
    opened.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(np.full((30, 60, 3), (200, 100, 50), np.uint8)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def order(path: Path | None, painter: str = "free", **changes: object) -> Order:
    wanted = {"stroke": "circle", "opaque": False, "strokes": 3, **changes}
    return Order(path, painter, **wanted)  # type: ignore[arg-type]


def test_only_what_works_is_a_choice(session: Session) -> None:
    assert list(session.painters) == ["free", "agent", "broken"]
    assert list(session.kinds) == ["circle", "line"]
    assert list(session.exporters) == ["svg", "csv", "gcode", "json"]
    own = session.own["agent"]
    assert own is not None
    assert own.name == "bezier"
    assert session.own["free"] is None


def picky(stroke: Stroke, strokes: int) -> Painter:
    if stroke.name == "line":
        raise UserError("no lines", "give something round")
    return GrowingPainter(stroke, strokes)


def test_only_kinds_that_a_painter_can_paint_with_are_offered(tmp_path: Path) -> None:
    def open_session(**painters: object) -> Session:
        every = {name: Choice(build) for name, build in painters.items()}
        return Session(every, KINDS, {}, LIMITS, tmp_path)  # type: ignore[arg-type]

    one = open_session(picky=picky, agent=agent)
    assert list(one.kinds) == one.takes["picky"] == ["circle"]
    both = open_session(picky=picky, free=GrowingPainter)
    assert list(both.kinds) == both.takes["free"] == ["circle", "line"]
    assert both.takes["picky"] == ["circle"]
    alone = open_session(agent=agent)
    assert list(alone.kinds) == ["circle", "line"]
    assert alone.takes["agent"] == []


def test_what_a_program_draws_is_not_offered_to_who_needs_a_gradient(tmp_path: Path) -> None:
    settings = {"opaque": {"base_value": 1.0, "inputs": {}}}
    kinds = {"circle": Choice(Circle), "mypaint": Choice(lambda: MyPaint("a", settings))}
    session = Session({"optimize": Choice(OptimizePainter)}, kinds, {}, LIMITS, tmp_path)
    assert list(session.kinds) == ["circle"]
    with pytest.raises(UserError, match="mypaint is not to be had here — choose from circle"):
        require_choice(kinds, session.kinds, "mypaint")


def test_the_page_shows_the_kinds_of_the_painter_that_is_chosen(tmp_path: Path) -> None:
    gradio = pytest.importorskip("gradio")
    from impasto.tasks.serve.events import Events
    from impasto.tasks.serve.layout import Controls

    painters = {"agent": Choice(agent), "free": Choice(GrowingPainter), "picky": Choice(picky)}
    session = Session(painters, KINDS, {}, LIMITS, tmp_path)
    with gradio.Blocks():
        controls = Controls(session, 5, "picky", "line")  # which it can't paint with
    assert [name for name, _ in controls.kind.choices] == ["circle"]
    assert controls.kind.value == "circle"
    events = Events(session, controls, None)  # type: ignore[arg-type]
    for painter, kind, choices, value in (
        ("picky", "line", ["circle"], "circle"),
        ("free", "line", ["circle", "line"], "line"),
    ):
        shown, opaque = events.painter_chosen(painter, kind)
        assert [name for name, _ in shown.choices] == choices
        assert (shown.value, shown.interactive, opaque.interactive) == (value, True, True)
    shown, opaque = events.painter_chosen("agent", "line")
    assert (shown.interactive, opaque.interactive) == (False, False)


def test_a_painting_and_its_files(session: Session, photo: Path) -> None:
    visitor = session.visitor("a")
    *_, last = session.paint(visitor, order(photo, stroke="line", opaque=True))
    assert last.text.startswith("Painted: 3 strokes, ")
    painting = last.painting
    assert painting is visitor.painting
    assert painting is not None
    assert (painting.stroke.name, painting.width, painting.height) == ("line", 60, 30)
    assert painting.stroke.opaque
    expected = draw_picture(painting.stroke, painting.strokes, 320, 640, painting.background)
    assert last.picture is not None
    assert np.array_equal(last.picture, expected)
    assert list(play(visitor, seconds=60)) == [0, 1, 2, 3]  # at least one more each time
    assert list(play(visitor, seconds=0.01)) == [0, 3]
    svg = session.export(visitor, "svg")
    assert svg.parent.is_relative_to(session.folder)
    assert 'width="60"' in svg.read_text()
    assert len(read_record(session.export(visitor, "json")).strokes) == 3
    session.leave("a")
    assert list(session.folder.iterdir()) == []
    assert session.visitor("a").count == 0


def test_files_are_as_large_as_asked(photo: Path, tmp_path: Path) -> None:
    session = Session(PAINTERS, KINDS, EXPORTS, LIMITS, tmp_path, size=600)
    visitor = session.visitor("a")
    with pytest.raises(UserError, match="nothing is painted yet"):
        session.export(visitor, "svg")
    list(session.paint(visitor, order(photo)))
    assert 'width="600" height="300"' in session.export(visitor, "svg").read_text()


def test_an_agent_paints_with_its_own_strokes(session: Session, photo: Path) -> None:
    *_, last = session.paint(session.visitor("a"), order(photo, "agent", stroke="line"))
    assert last.painting is not None
    assert last.painting.stroke.name == "bezier"


def test_what_is_wrong_is_said_and_the_last_painting_stays(session: Session, photo: Path) -> None:
    visitor = session.visitor("a")
    list(session.paint(visitor, order(photo)))
    before = visitor.painting
    bad = photo.with_name("bad.jpg")
    bad.write_text("a text")
    wrong = {
        "there is no picture": order(None),
        "bad.jpg: not a picture": order(bad),
        "21 strokes make no painting": order(photo, strokes=21),
        "0 strokes make no painting": order(photo, strokes=0),
        "The painting failed": order(photo, "broken"),
    }
    for said, wanted in wrong.items():
        *_, last = session.paint(visitor, wanted)
        assert last.wrong, said
        assert last.text.startswith(said)
        assert last.painting is None
    assert visitor.painting is before


def test_a_visitor_keeps_one_of_everything(session: Session, photo: Path) -> None:
    def files() -> list[str]:
        return sorted(path.name for path in session.folder.rglob("*") if path.is_file())

    visitor = session.visitor("a")
    for number in range(3):
        dropped = photo.with_name(f"{number}.png")
        dropped.write_bytes(photo.read_bytes())
        taken = visitor.take(dropped)
        assert not dropped.exists()
    list(session.paint(visitor, order(taken)))
    assert files() == ["2.png"]
    for name in ("svg", "csv", "svg"):
        path = session.export(visitor, name)
    assert files() == ["2.png", path.name]
    white = np.full((8, 8, 3), 255, np.uint8)
    views = [visitor.view(white).name for _ in range(40)]
    assert files() == sorted(["2.png", path.name, *views[-30:]])
    with pytest.raises(UserError, match=r"^3.png is no longer there — drop it again"):
        visitor.take(photo.with_name("3.png"))


def test_a_visitor_has_so_much_room(photo: Path, tmp_path: Path) -> None:
    limits = Limits(strokes=20, megabytes_each=0.02)  # four blocks, of which each file takes one
    session = Session(PAINTERS, KINDS, EXPORTS, limits, tmp_path / "files")
    first, second = session.visitor("first"), session.visitor("second")
    white = np.full((8, 8, 3), 255, np.uint8)
    kept = second.view(white)
    views = [first.view(white) for _ in range(9)]
    assert [path.exists() for path in views] == [False] * 5 + [True] * 4
    assert kept.exists()
    list(session.paint(first, order(photo, strokes=3)))
    assert session.export(first, "svg").exists()
    tight = Session(PAINTERS, KINDS, EXPORTS, Limits(megabytes_each=0.001), tmp_path / "tight")
    visitor = tight.visitor("a")
    list(tight.paint(visitor, order(photo)))
    with pytest.raises(UserError, match=r"\.svg has 0 MB — ask for a smaller one"):
        tight.export(visitor, "svg")


class Waiting:
    """A painter that waits after its second stroke, and an order for it."""

    def __init__(self, photo: Path, tmp_path: Path) -> None:
        self.painter = GrowingPainter(Circle(), 5, free=2)
        kind = {"waits": Choice(self.build), **PAINTERS}
        self.session = Session(kind, KINDS, EXPORTS, LIMITS, tmp_path / "files")
        self.order = order(photo, "waits", strokes=5)
        self.messages: list[Message] = []
        self.thread = threading.Thread(target=self.run)

    def build(self, stroke: Stroke, strokes: int) -> Painter:
        self.painter.stroke = stroke
        return self.painter if strokes == 5 else GrowingPainter(stroke, strokes)

    def run(self) -> None:
        self.messages.extend(self.session.paint(self.session.visitor("first"), self.order))

    def end(self) -> list[Message]:
        self.painter.go.set()
        self.thread.join(60)
        return self.messages


@pytest.fixture
def waiting(photo: Path, tmp_path: Path) -> Iterator[Waiting]:
    waiting = Waiting(photo, tmp_path)
    waiting.thread.start()
    assert waiting.painter.waits.wait(60)
    yield waiting
    waiting.end()
    waiting.session.close()


def test_one_at_a_time(waiting: Waiting, photo: Path) -> None:
    second = waiting.session.paint(waiting.session.visitor("second"), order(photo))
    assert next(second).text == "In the queue: 1 painting before this one."
    waiting.end()
    *_, last = second
    assert last.painting is not None


def test_one_may_leave_the_queue(waiting: Waiting, photo: Path) -> None:
    visitor = waiting.session.visitor("second")
    second = waiting.session.paint(visitor, order(photo))
    next(second)
    visitor.stop()
    assert [message.text for message in second] == ["Stopped, and out of the queue."]


def test_stop_keeps_what_is_painted(waiting: Waiting) -> None:
    waiting.session.visitor("first").stop()
    last = waiting.end()[-1]
    assert re.fullmatch(r"Stopped: 3 strokes, \d+\.\d dB\.", last.text)
    assert last.painting is not None
    assert len(last.painting.strokes) == 3


def test_closing_a_page_ends_its_painting(photo: Path, tmp_path: Path) -> None:
    waiting = Waiting(photo, tmp_path)
    messages = waiting.session.paint(waiting.session.visitor("first"), waiting.order)
    assert next(messages).share == 0.0
    messages.close()  # type: ignore[attr-defined]  # before it began
    messages = waiting.session.paint(waiting.session.visitor("first"), waiting.order)
    next(messages)
    next(messages)
    threading.Timer(0.1, waiting.painter.go.set).start()
    messages.close()  # type: ignore[attr-defined]
    assert "painter" not in {thread.name for thread in threading.enumerate()}
    *_, last = waiting.session.paint(
        waiting.session.visitor("second"), order(photo)
    )  # the place is free
    assert last.painting is not None
    assert not waiting.painter.finished
