"""CSV and G-code."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from shapely import LineString, Point, box, unary_union

from painting.errors import UserError
from painting.exporters import Csv, Gcode
from painting.record import StrokeRecord, write_record
from painting.strokes import Bezier, Circle, Rectangle, Stroke
from tests.painting.exporters.paintings import some_painting
from tests.painting.strokes.kinds import every_kind


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
    assert sum(line.startswith("M6") for line in lines) == 1
    assert "M6 ; paint #ff0000" in lines


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


def test_paint_is_changed_where_the_colour_is() -> None:
    rows = [[x, 0.5, 0.1, 1.0, *color] for x, color in
            ((0.2, (1, 0, 0)), (0.4, (1, 0, 0)), (0.6, (0, 0, 1)), (0.8, (1, 0, 0)))]  # fmt: skip
    lines = list(Gcode().lines(opaque(Circle(), rows)))
    changes = [line for line in lines if line.startswith("M6")]
    assert changes == ["M6 ; paint #ff0000", "M6 ; paint #0000ff", "M6 ; paint #ff0000"]
    assert lines[-2:] == ["G0 Z5", "M2 ; end"]


@pytest.mark.parametrize(
    "stroke", [kind for kind in every_kind(opaque=True) if kind.name != "brush"],
    ids=lambda kind: kind.name,
)  # fmt: skip
def test_every_kind_with_an_outline(stroke: Stroke, tmp_path: Path) -> None:
    painting = some_painting(stroke, 4)
    limited = StrokeRecord(stroke, stroke.limit(painting.strokes), 240, 160, None)
    lines = Gcode(tool=5).write(tmp_path, limited).read_text().splitlines()
    points = np.concatenate(paths(lines))
    assert points.min() >= 0
    assert (points.max(0) <= [200, 200 * 160 / 240]).all()


def test_what_a_plotter_cannot_draw_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"stroke 0 is not opaque.*stroke\.opaque=true"):
        Gcode().write(tmp_path, some_painting(Bezier()))
    brush = next(kind for kind in every_kind() if kind.name == "brush")
    with pytest.raises(UserError, match="brush has no outline"):
        Gcode().write(tmp_path, some_painting(brush))
    assert list(tmp_path.iterdir()) == []
    for settings in ({"tool": 0.0}, {"width": -1.0}, {"lift": 0.0}):
        with pytest.raises(UserError, match=rf"export\.gcode\.{next(iter(settings))}"):
            Gcode(**settings)
