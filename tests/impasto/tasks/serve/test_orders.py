"""What the page's form offers, and what becomes of an order."""

import json
from functools import partial

import pytest

from impasto.errors import UserError
from impasto.painters import OptimizePainter
from impasto.strokes import Bezier
from impasto.tasks.serve.form import EXAMPLES, Suggestion, describe_form, example
from impasto.tasks.serve.menus import Choice
from impasto.tasks.serve.messages import Order, read_order
from impasto.tasks.serve.session import Session
from impasto.tasks.serve.uploads import Limits, read_upload
from tests.impasto.tasks.serve.painters import GrowingPainter
from tests.impasto.tasks.serve.sessions import (
    EXPORTS,
    KINDS,
    LIMITS,
    agent,
    order,
    picky,
)

AGENT, BOTH = "A trained agent, then gradient descent", ["circle", "line"]


def test_the_form_says_in_plain_words_what_there_is() -> None:
    painters = {"agent (mine)": Choice(agent), "agent+optimize (mine)": Choice(agent)}
    painters |= {"optimize": Choice(GrowingPainter), "picky": Choice(picky)}
    session = Session(painters, KINDS, EXPORTS, LIMITS)
    form = describe_form(session, Suggestion(500, "picky", "line", "poster", size=700))
    assert form["painters"] == [
        {"name": "picky", "words": "picky", "takes": ["circle"]},
        {"name": "agent (mine)", "words": f"{AGENT} (mine)", "takes": []},
        {"name": "optimize", "words": "Gradient descent, without training", "takes": BOTH},
    ]
    assert form["suggested"] == {
        "painter": "picky",
        "stroke": "circle",  # as it can't paint with lines
        "strokes": 20,
        "style": "poster",
        "quality": "good",
        "size": 700,
    }
    assert list(form["qualities"]) == ["sketch", "good", "best"]
    assert form["styles"]["poster"] == {
        "stroke": "bezier",
        "background": "#000000",
        "opaque": True,
    }
    assert form["styles"]["oil"]["background"] == "#593d29"
    own = describe_form(session, Suggestion(5, "agent+optimize", steps=7))
    assert own["qualities"][""] == "7 steps"
    assert (own["suggested"]["quality"], own["suggested"]["stroke"]) == ("", "circle")
    assert own["suggested"]["painter"] == "agent+optimize (mine)"  # in the other one's place
    assert sum(one["words"] == f"{AGENT} (mine)" for one in own["painters"]) == 1


def test_examples_are_pictures() -> None:
    for name in EXAMPLES:
        assert min(read_upload(example(name), name, Limits()).shape[:2]) >= 300


def test_an_order_becomes_a_painter() -> None:
    painters = {"optimize": Choice(OptimizePainter), "agent": Choice(agent)}
    session = Session(painters, {**KINDS, "bezier": Choice(Bezier)}, {}, LIMITS)

    def built(**changes: object) -> OptimizePainter:
        painter = session.painter(order("optimize", **{"stroke": "bezier", **changes}))
        assert isinstance(painter, OptimizePainter)
        return painter

    plain = built(seed=7, background=[0, 0.5, 1])
    assert (plain.seed, plain.background, plain.steps) == (7, (0, 0.5, 1), 400)
    assert plain.stroke.limits() == {}
    assert built(quality="sketch").steps == 100
    assert built(style="watercolor", palette=5).stroke.limits() == {
        "max_opacity": 0.25,
        "palette": 5,
    }
    assert built(style="watercolor", opaque=True).stroke.limits() == {"opaque": True}
    assert built(style="poster", opaque=True).stroke.limits() == {"opaque": True, "palette": 20}
    poster = built(style="poster", palette=3)  # of which the form took opaque back
    assert poster.stroke.limits() == {"palette": 3}
    ink, circle = built(style="ink"), built(style="ink", stroke="circle")
    assert (ink.along, ink.longer) == (1, 3)
    assert (circle.along, circle.longer) == (0, 1)  # it has no direction
    assert session.painter(order("agent", quality="best", stroke="none")).stroke.name == "bezier"
    for changes in ({"style": "cubist"}, {"quality": "superb"}, {"detail": "toes"}):
        with pytest.raises(UserError, match="there is no"):
            built(**changes)


def test_an_order_is_read_within_its_bounds() -> None:
    good = {"painter": "free", "stroke": "line", "strokes": 3, "background": [0, 0, 1]}
    assert read_order(json.dumps(good).encode()) == Order(
        "free", "line", 3, background=[0, 0, 1], detail="auto"
    )
    for changes, said in (
        ({"strokes": 0}, "^strokes: "),
        ({"strokes": 1.5}, "^strokes: "),
        ({"background": [0, 0]}, "^background: "),
        ({"seed": -1}, "^seed: "),
        ({"palette": 1000}, "^palette: "),
        ({"stroke": None}, "^stroke: "),
    ):
        with pytest.raises(UserError, match=said):
            read_order(json.dumps({**good, **changes}).encode())
    with pytest.raises(UserError, match=r"^the order: "):
        read_order(b"{")


def test_a_style_of_the_command_line_leaves_every_kind() -> None:
    oil = Choice(partial(OptimizePainter, along=1.0, longer=6.0))
    session = Session({"optimize": oil}, KINDS, {}, LIMITS)
    assert session.takes["optimize"] == BOTH
