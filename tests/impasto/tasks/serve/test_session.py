"""What the page does, without a page."""

import base64
import json
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from impasto.errors import UserError
from impasto.painters import OptimizePainter, Painter
from impasto.painters.budget import Cost
from impasto.rendering import draw_picture
from impasto.strokes import Circle, MyPaint, Stroke
from impasto.tasks.serve.form import encoded
from impasto.tasks.serve.menus import Choice, require_choice
from impasto.tasks.serve.messages import Message
from impasto.tasks.serve.session import Session
from impasto.tasks.serve.uploads import Limits
from impasto.tasks.serve.visitor import Photo
from tests.impasto.tasks.serve.painters import GrowingPainter
from tests.impasto.tasks.serve.sessions import (
    EXPORTS,
    KINDS,
    LIMITS,
    PAINTERS,
    PHOTO,
    agent,
    order,
    picky,
    visitor_of,
)


@pytest.fixture
def session() -> Iterator[Session]:
    opened = Session(PAINTERS, KINDS, EXPORTS, LIMITS)
    yield opened
    opened.close()


def test_only_what_works_is_a_choice(session: Session) -> None:
    assert list(session.painters) == ["free", "agent", "broken"]
    assert list(session.kinds) == ["circle", "line"]
    assert list(session.exporters) == ["svg", "csv", "gcode", "json"]
    own = session.own["agent"]
    assert own is not None
    assert own.name == "bezier"
    assert session.own["free"] is None


def test_only_kinds_that_a_painter_can_paint_with_are_offered() -> None:
    def open_session(**painters: object) -> Session:
        every = {name: Choice(build) for name, build in painters.items()}
        return Session(every, KINDS, {}, LIMITS)  # type: ignore[arg-type]

    one = open_session(picky=picky, agent=agent)
    assert list(one.kinds) == one.takes["picky"] == ["circle"]
    both = open_session(picky=picky, free=GrowingPainter)
    assert list(both.kinds) == both.takes["free"] == ["circle", "line"]
    assert both.takes["picky"] == ["circle"]
    alone = open_session(agent=agent)
    assert list(alone.kinds) == ["circle", "line"]
    assert alone.takes["agent"] == []


def test_what_a_program_draws_is_not_offered_to_who_needs_a_gradient() -> None:
    settings = {"opaque": {"base_value": 1.0, "inputs": {}}}
    kinds = {"circle": Choice(Circle), "mypaint": Choice(lambda: MyPaint("a", settings))}
    session = Session({"optimize": Choice(OptimizePainter)}, kinds, {}, LIMITS)
    assert list(session.kinds) == ["circle"]
    with pytest.raises(UserError, match="mypaint is not to be had here — choose from circle"):
        require_choice(kinds, session.kinds, "mypaint")


def test_a_painting_and_its_files(session: Session) -> None:
    visitor = visitor_of(session)
    *_, last = session.paint(visitor, order(stroke="line", opaque=True))
    assert last.text.startswith("Painted: 3 strokes, ")
    painting = last.painting
    assert painting is visitor.painting
    assert painting is not None
    assert (painting.stroke.name, painting.width, painting.height) == ("line", 60, 30)
    assert painting.stroke.opaque
    expected = draw_picture(painting.stroke, painting.strokes, 320, 640, painting.background)
    assert last.picture is not None
    assert np.array_equal(last.picture, expected)
    name, svg = session.export(visitor, "svg")
    assert name == "photo.svg"
    assert b'width="60"' in svg
    name, record = session.export(visitor, "json")
    assert name == "photo-strokes.json"
    assert len(json.loads(record)["strokes"]) == 3
    assert b'width="600" height="300"' in session.export(visitor, "svg", 600)[1]
    for size, said in ((20_000, "megapixels"), (0, "`size` is 0")):
        with pytest.raises(UserError, match=said):
            session.export(visitor, "svg", size)
    with pytest.raises(UserError, match="there is no exe"):
        session.export(visitor, "exe")
    session.leave("a")
    assert session.visitor("a").count == 0
    with pytest.raises(UserError, match="nothing is painted yet"):
        session.export(session.visitor("a"), "svg")


def test_an_agent_paints_with_its_own_strokes(session: Session) -> None:
    *_, last = session.paint(visitor_of(session), order("agent", stroke="line"))
    assert last.painting is not None
    assert last.painting.stroke.name == "bezier"


def test_detail_goes_where_it_was_drawn(session: Session) -> None:
    mask = base64.b64encode(encoded(np.full((15, 30, 3), 255, np.uint8))).decode()
    *_, last = session.paint(visitor_of(session), order(mask=mask))
    assert last.painting is not None
    square = base64.b64encode(encoded(np.full((9, 9, 3), 255, np.uint8))).decode()
    for bad, said in ((square, "mask"), ("?", "the mask is no picture")):
        *_, last = session.paint(visitor_of(session), order(mask=bad))
        assert last.wrong
        assert said in last.text


def test_how_long_each_quality_takes() -> None:
    class Costly(GrowingPainter):
        def cost(self, height: int, width: int, device: object) -> Cost:
            return Cost(float(height), width / 100)

    session = Session({"free": Choice(GrowingPainter), "costly": Choice(Costly)}, KINDS, {}, LIMITS)
    visitor = visitor_of(session)
    found = session.seconds(visitor, order("costly"))
    assert found == {"sketch": 30 + 60, "good": 30 + 240, "best": 30 + 900}
    assert session.seconds(visitor, order()) == {}  # it takes no steps


def test_what_is_wrong_is_said_and_the_last_painting_stays(session: Session) -> None:
    visitor = visitor_of(session)
    list(session.paint(visitor, order()))
    before = visitor.painting
    for said, photo, wanted in (
        ("there is no picture", None, order()),
        ("bad.jpg: not a picture", Photo("bad.jpg", b"a text"), order()),
        ("21 strokes make no painting", PHOTO, order(strokes=21)),
        ("brush is not to be had here — choose from circle, line", PHOTO, order(stroke="brush")),
        ("there is no nobody", PHOTO, order("nobody")),
        ("The painting failed", PHOTO, order("broken")),
    ):
        visitor.photo = photo
        *_, last = session.paint(visitor, wanted)
        assert last.wrong, said
        assert last.text.startswith(said)
        assert last.painting is None
    assert visitor.painting is before


def test_who_was_away_for_longest_makes_room() -> None:
    session = Session(PAINTERS, KINDS, EXPORTS, Limits(visitors=2))
    first, second = visitor_of(session, "first"), visitor_of(session, "second")
    assert session.visitor("first") is first
    visitor_of(session, "third")
    assert session.visitor("first") is first
    assert session.visitor("second") is not second
    assert session.visitor("second").photo is None


class Waiting:
    """A painter that waits after its second stroke, and an order for it."""

    def __init__(self) -> None:
        self.painter = GrowingPainter(Circle(), 5, free=2)
        kind = {"waits": Choice(self.build), **PAINTERS}
        self.session = Session(kind, KINDS, EXPORTS, LIMITS)
        self.order = order("waits", strokes=5)
        self.messages: list[Message] = []
        self.thread = threading.Thread(target=self.run)

    def build(self, stroke: Stroke, strokes: int, **look: object) -> Painter:
        self.painter.stroke = stroke
        return self.painter if strokes == 5 else GrowingPainter(stroke, strokes)

    def run(self) -> None:
        self.messages.extend(self.session.paint(visitor_of(self.session, "first"), self.order))

    def end(self) -> list[Message]:
        self.painter.go.set()
        self.thread.join(60)
        return self.messages


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    waiting = Waiting()
    waiting.thread.start()
    assert waiting.painter.waits.wait(60)
    yield waiting
    waiting.end()
    waiting.session.close()


def test_one_at_a_time(waiting: Waiting) -> None:
    second = waiting.session.paint(visitor_of(waiting.session, "second"), order())
    assert next(second).text == "In the queue: 1 painting before this one."
    waiting.end()
    *_, last = second
    assert last.painting is not None


def test_one_may_leave_the_queue(waiting: Waiting) -> None:
    visitor = visitor_of(waiting.session, "second")
    second = waiting.session.paint(visitor, order())
    next(second)
    visitor.stop()
    assert [message.text for message in second] == ["Stopped, and out of the queue."]


def test_stop_keeps_what_is_painted_without_waiting_for_a_step(waiting: Waiting) -> None:
    waiting.session.visitor("first").stop()
    deadline = time.monotonic() + 60
    while waiting.messages[-1].painting is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not waiting.painter.go.is_set()
    last = waiting.end()[-1]
    assert last.text == "Stopped: 2 strokes."
    assert last.painting is waiting.session.visitor("first").painting
    assert last.painting is not None
    assert len(last.painting.strokes) == 2
    assert not waiting.painter.finished


def test_of_a_picture_with_alpha_the_step_is_waited_for(waiting: Waiting) -> None:
    image = np.full((30, 60, 4), (200, 100, 50, 255), np.uint8)
    image[:, :30, 3] = 0
    session, painter = waiting.session, GrowingPainter(Circle(), 5, free=2)
    waiting.end()
    session.painters = {"waits": Choice(lambda **look: painter)}
    visitor = visitor_of(session, "second", Photo("photo.png", encoded(image)))
    messages = session.paint(visitor, order("waits", strokes=5))
    assert next(messages).share == 0
    next(messages)
    visitor.stop()
    threading.Timer(0.1, painter.go.set).start()
    *_, last = messages
    assert last.painting is not None
    assert last.painting.background is None


def test_closing_a_page_ends_its_painting() -> None:
    waiting = Waiting()
    messages = waiting.session.paint(visitor_of(waiting.session, "first"), waiting.order)
    assert next(messages).share == 0.0
    messages.close()  # type: ignore[attr-defined]  # before it began
    messages = waiting.session.paint(visitor_of(waiting.session, "first"), waiting.order)
    next(messages)
    next(messages)
    threading.Timer(0.1, waiting.painter.go.set).start()
    messages.close()  # type: ignore[attr-defined]
    assert "painter" not in {thread.name for thread in threading.enumerate()}
    second = visitor_of(waiting.session, "second")
    *_, last = waiting.session.paint(second, order())  # the place is free
    assert last.painting is not None
    assert not waiting.painter.finished
