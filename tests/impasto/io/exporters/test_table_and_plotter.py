"""CSV and G-code."""

import csv
import json
import logging
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from shapely import LineString, Point, box, unary_union

from impasto.errors import UserError
from impasto.io.exporters import Csv, Gcode
from impasto.io.record import StrokeRecord, write_record
from impasto.strokes import Bezier, Circle, Rectangle, Stroke
from tests.impasto.io.exporters.paintings import some_painting
from tests.impasto.strokes.kinds import every_kind


def test_csv_has_the_numbers_of_the_record(tmp_path: Path) -> None:
    painting = some_painting(Bezier(), 5)
    write_record(tmp_path / "strokes.json", painting)
    strokes = json.loads((tmp_path / "strokes.json").read_text())["strokes"]
    with Csv().write(tmp_path, painting).open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["stroke", *Bezier.parameters, "red", "green", "blue"]
    for number, (row, stroke) in enumerate(zip(rows, strokes, strict=True)):
        assert row["stroke"] == str(number)
        assert {name: float(row[name]) for name in Bezier.parameters} == stroke["shape"]
        assert [float(row[name]) for name in ("red", "green", "blue")] == stroke["color"]


def paths(lines: list[str]) -> list[np.ndarray]:
    """What a plotter draws: its paths with the tool down, (P, 2) each."""
    found: list[list[list[float]]] = []
    place, down = [0.0, 0.0], False
    for line in lines:
        words = dict(re.findall(r"\b([GXYZ])(-?[\d.]+)", line.partition(";")[0]))
        if "Z" in words:
            down = float(words["Z"]) <= 0
            if down:
                found.append([place])
        if "X" in words:
            place = [float(words["X"]), float(words["Y"])]
            if down:
                found[-1].append(place)
    return [np.array(path) for path in found]


def opaque(stroke: Stroke, rows: list[list[float]]) -> StrokeRecord:
    return StrokeRecord(stroke, torch.tensor(rows), 200, 100, (1, 1, 1))


def test_a_rectangle_is_filled_and_nothing_else() -> None:
    # 50 x 25 mm in the middle of 100 x 50 mm; a length of 1 is 1/128 + 1/2 of the shorter side.
    size = [(1.0 - 1 / 128) / 0.5, (0.5 - 1 / 128) / 0.5]
    painting = opaque(Rectangle(), [[0.5, 0.5, *size, 0.0, 1.0, 1.0, 0.0, 0.0]])
    lines = list(Gcode(width=100, tool=2).lines(painting))
    drawn = unary_union([LineString(path).buffer(1.0) for path in paths(lines)])
    wanted = box(25, 12.5, 75, 37.5)
    assert drawn.difference(wanted).area < 0.1
    assert wanted.difference(drawn).area < 0.03 * wanted.area  # round tools leave corners
    assert lines[1:5] == ["G21 ; millimetres", "G90 ; absolute", "G0 Z5", "; paint #ff0000"]
    assert [line for line in lines if line.startswith("M")] == ["M2 ; end"]


def test_y_goes_up_and_the_picture_ends_at_its_border() -> None:
    circle = [[0.1, 0.9, 0.9, 1.0, 0, 0, 0]]
    lines = list(Gcode(width=200, tool=1).lines(opaque(Circle(), circle)))
    points = np.concatenate(paths(lines))
    assert points.min() >= 0.5 - 1e-3  # half a tool inside
    assert points[:, 1].mean() < 30  # low on the page, as on the picture
    middle = Point(20, 10)
    assert max(middle.distance(Point(point)) for point in points) < 23


def test_strokes_thinner_than_the_tool_are_drawn_once() -> None:
    thin = [[0.2, 0.5, 0.5, 0.5, 0.8, 0.5, 0.0, 1.0, 0.0, 1.0, 0.1, 0.2, 0.3]]
    [path] = paths(list(Gcode(width=200, tool=4).lines(opaque(Bezier(), thin))))
    assert LineString(path).length == pytest.approx(120, abs=2)
    assert np.allclose(path[:, 1], 50)


FOUR = [
    [x, 0.5, 0.1, 1.0, *color]
    for x, color in ((0.2, (1, 0, 0)), (0.4, (1, 0, 0)), (0.6, (0, 0, 1)), (0.8, (1, 0, 0)))
]


@pytest.mark.parametrize(
    ("change", "to_blue", "to_red"),
    [("pause", "M0 ", "M0 "), ("tool", "T2 M6 ", "T1 M6 "), ("none", "", "")],
)
def test_paint_is_changed_where_the_colour_is(change: str, to_blue: str, to_red: str) -> None:
    lines = list(Gcode(change=change).lines(opaque(Circle(), FOUR)))
    changes = [line for line in lines if "paint" in line]
    assert changes == ["; paint #ff0000", f"{to_blue}; paint #0000ff", f"{to_red}; paint #ff0000"]
    before = [lines[lines.index(line) - 1] for line in changes]
    assert before == ["G0 Z5"] * 3  # lifted
    assert lines[-2:] == ["G0 Z5", "M2 ; end"]


def test_a_servo_lifts_the_pen() -> None:
    plain = list(Gcode(lift=7).lines(opaque(Circle(), FOUR)))
    pen = Gcode(pen="servo", servo_down=30, servo_wait=0.5, header=["$X"], footer=[])
    lines = list(pen.lines(opaque(Circle(), FOUR)))
    assert not any("Z" in line for line in lines)
    assert lines[1:4] == ["$X", "M5", "G4 P0.5"]
    assert lines[-2:] == ["M5", "G4 P0.5"]
    assert lines.count("M3 S30") == plain.count("G1 Z0 F1500") == lines.count("M5") - 1
    for line, following in pairwise(lines):
        if line in ("M3 S30", "M5"):
            assert following == "G4 P0.5"
    drawn = [line for line in lines if line.startswith("G1")]
    assert drawn == [line for line in plain if line.startswith("G1 X")]
    up = list(Gcode(pen="servo", servo_up=90, servo_wait=0).lines(opaque(Circle(), FOUR)))
    assert ("M3 S90" in up, "M5" in up, "G4" in "".join(up)) == (True, False, False)


def test_work_is_said_before_and_bounded(caplog: pytest.LogCaptureFixture) -> None:
    painting = some_painting(Bezier(opaque=True), 12)
    painting = replace(painting, strokes=painting.stroke.limit(painting.strokes))
    for tool in (0.5, 2.0):
        gcode = Gcode(tool=tool)
        estimated = gcode._work(gcode._shapes(painting.stroke, painting.strokes, 160, 240))
        assert 1 <= estimated / len(list(gcode.lines(painting))) < 3
    with caplog.at_level(logging.INFO):
        Gcode().check(painting.stroke, 500)
        Gcode().check(painting.stroke, painting.strokes)
    said = [int(re.sub(r"\D", "", one.getMessage())) for one in caplog.records]
    assert 400_000 < said[0] < 2_000_000
    assert 5_000 < said[1] < 50_000
    few = painting.strokes[:4]
    for tool in (0.0001, 1e-300):
        for strokes in (500, few):
            with pytest.raises(
                UserError, match=r"a tool of .* takes about .* lines — give a wider"
            ):
                Gcode(tool=tool).check(painting.stroke, strokes)
        with pytest.raises(UserError, match="takes about"):
            next(Gcode(tool=tool).lines(replace(painting, strokes=few)))


@pytest.mark.parametrize(
    "stroke",
    [kind for kind in every_kind(opaque=True) if kind.name != "brush"],
    ids=lambda kind: kind.name,
)
def test_every_kind_with_an_outline(stroke: Stroke, tmp_path: Path) -> None:
    painting = some_painting(stroke, 4)
    limited = StrokeRecord(stroke, stroke.limit(painting.strokes), 240, 160, None)
    lines = Gcode(tool=5).write(tmp_path, limited).read_text().splitlines()
    points = np.concatenate(paths(lines))
    assert points.min() >= 0
    assert (points.max(0) <= [200, 200 * 160 / 240]).all()


def test_what_a_plotter_cannot_draw_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"stroke 0 is not opaque.*`opaque=true`"):
        Gcode().write(tmp_path, some_painting(Bezier()))
    brush = next(kind for kind in every_kind() if kind.name == "brush")
    with pytest.raises(UserError, match="brush has no outline"):
        Gcode().write(tmp_path, some_painting(brush))
    assert list(tmp_path.iterdir()) == []
    wrong: dict[str, dict[str, Any]] = {
        "`tool` is 0.0 — give a number, above 0": {"tool": 0.0},
        "`width` is -1.0 — give a number, above 0": {"width": -1.0},
        "`width` is inf — give a number, above 0": {"width": float("inf")},
        "`servo_wait` is -1.0 — give a number, at least 0": {"servo_wait": -1.0},
        "`Gcode.lift=0.0` is not above `Gcode.depth=0.0`": {"lift": 0.0},
        "`Gcode.change=swap`": {"change": "swap"},
        "`Gcode.pen=laser`": {"pen": "laser"},
        "`Gcode.header=G21`": {"header": "G21"},
        "`Gcode.footer=": {"footer": ["M2\nM0"]},
    }
    for said, settings in wrong.items():
        with pytest.raises(UserError, match=f"^{re.escape(said)}"):
            Gcode(**settings)
