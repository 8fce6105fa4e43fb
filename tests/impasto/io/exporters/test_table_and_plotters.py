"""CSV, G-code, and lines for a pen plotter."""

import csv
import json
import logging
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from shapely import LineString, Point, box, unary_union

from impasto.errors import UserError
from impasto.io.exporters import Csv, Gcode, Plot
from impasto.io.exporters.plan import Pen, Plan, _nearest_next, sorted_lines
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
    assert lines[2:6] == ["G21 ; millimetres", "G90 ; absolute", "G0 Z5", "; paint #ff0000"]
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
    ("change", "to_blue"), [("pause", "M0 "), ("tool", "T2 M6 "), ("none", "")]
)
def test_each_paint_comes_once(change: str, to_blue: str) -> None:
    lines = list(Gcode(change=change).lines(opaque(Circle(), FOUR)))
    changes = [line for line in lines if "paint" in line]
    assert changes == ["; paint #ff0000", f"{to_blue}; paint #0000ff"]
    before = [lines[lines.index(line) - 1] for line in changes]
    assert before == ["G0 Z5"] * 2  # lifted
    assert lines[-2:] == ["G0 Z5", "M2 ; end"]


def test_what_later_strokes_hide_is_not_painted() -> None:
    """So one colour may follow the other, although they alternate on the picture."""
    rows = [[x, 0.5, 0.25, 1.0, *FOUR[n][4:]] for n, x in enumerate((0.35, 0.45, 0.5, 0.6))]
    painting, tool = opaque(Circle(), rows), 1.0
    lines = list(Gcode(width=200, tool=tool).lines(painting))
    blue = next(number for number, line in enumerate(lines) if "#0000ff" in line)
    discs = [Point(200 * x, 50).buffer(100 * (1 + 64 * 0.25) / 256) for x, *_ in rows]
    seen = {"red": unary_union([*discs[:2]]).difference(discs[2]).union(discs[3])}
    seen["blue"] = discs[2].difference(discs[3])
    for name, part in {"red": lines[:blue], "blue": lines[blue:]}.items():
        drawn = unary_union([LineString(path).buffer(tool / 2) for path in paths(part)])
        assert drawn.difference(seen[name].buffer(0.15)).area < 0.01 * seen[name].area
        assert seen[name].difference(drawn).area < 0.03 * seen[name].area
    lifted = sum(line == "G0 Z5" for line in lines)
    assert lifted <= 6  # outlines within each other are drawn without lifting the tool


def test_a_servo_lifts_the_pen() -> None:
    plain = list(Gcode(lift=7).lines(opaque(Circle(), FOUR)))
    pen = Gcode(pen="servo", servo_down=30, servo_wait=0.5, header=["$X"], footer=[])
    lines = list(pen.lines(opaque(Circle(), FOUR)))
    assert not any("Z" in line for line in lines)
    assert lines[2:5] == ["$X", "M5", "G4 P0.5"]
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
        shapes = gcode._shapes(painting.stroke, painting.strokes, 160, 240)
        estimated = gcode._work(shapes, 1, 160 / 240)
        assert 1 <= estimated / len(list(gcode.lines(painting))) < 6
    with caplog.at_level(logging.INFO):
        Gcode().check(painting.stroke, 500)
        Gcode().check(painting.stroke, painting.strokes)
    said = [
        int(number.replace(",", ""))
        for number in re.findall(r"G-code: about ([\d,]+) lines", caplog.text)
    ]
    assert 5_000 < said[0] < 100_000
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


def drawing(count: int = 80) -> StrokeRecord:
    random = torch.Generator().manual_seed(1)
    kind = Bezier(opaque=True)
    shapes = kind.place(torch.rand(count, 2, generator=random), 0.03, random)
    colors = torch.tensor([[0.8, 0.1, 0.1], [0.0, 0.2, 0.6], [0.1, 0.1, 0.1]])
    strokes = torch.cat([shapes, colors[torch.arange(count) % 3]], 1)
    return StrokeRecord(kind, kind.limit(strokes), 300, 200, (1, 1, 1))


SVG = "{http://www.w3.org/2000/svg}"
INKSCAPE = "{http://www.inkscape.org/namespaces/inkscape}"


def layers(path: Path) -> dict[str, list[LineString]]:
    """Lines of each layer of a plot, by its colour."""
    found = {}
    for layer in ElementTree.parse(path).getroot().iter(f"{SVG}g"):
        assert layer.get(f"{INKSCAPE}groupmode") == "layer"
        drawn = [re.findall(r"[-\d.]+", str(one.get("d"))) for one in layer]
        found[str(layer.get("stroke"))] = [
            LineString(np.array(numbers, float).reshape(-1, 2)) for numbers in drawn
        ]
    return found


def test_a_plot_has_a_layer_for_each_colour_on_a_page(tmp_path: Path) -> None:
    path = Plot(page="a5", margin=10, pen=0.4).write(tmp_path, drawing())
    root = ElementTree.parse(path).getroot()
    assert (root.get("width"), root.get("height")) == ("210mm", "148mm")  # lies as the picture does
    found = layers(path)
    assert set(found) == {"#cc1a1a", "#003399", "#1a1a1a"}
    frame = box(10, 74 - 190 / 3, 200, 74 + 190 / 3)
    assert all(frame.covers(line) for lines in found.values() for line in lines)
    with Image.open(tmp_path / "plot.png") as preview:
        assert preview.size == (1600, round(1600 * 148 / 210))
        seen = {color for _, color in preview.getcolors(2**20)}
    assert {(255, 255, 255), (0, 51, 153)} <= seen


def test_a_plot_leaves_out_what_opaque_strokes_hide(tmp_path: Path) -> None:
    line = [0.1, 0.5, 0.5, 0.5, 0.9, 0.5, 0.05, 1.0, 0.05, 1.0, 0.0, 0.0, 1.0]
    across = [0.5, 0.1, 0.5, 0.5, 0.5, 0.9, 0.2, 1.0, 0.2, 1.0, 1.0, 0.0, 0.0]
    for opacity, parts in ((1.0, 2), (0.5, 1)):
        across[7] = across[9] = opacity
        rows = torch.tensor([line, across])
        record = StrokeRecord(Bezier(control="absolute"), rows, 200, 200, (1, 1, 1))
        found = layers(Plot(margin=5).write(tmp_path, record))
        assert len(found["#0000ff"]) == parts
        assert len(found["#ff0000"]) == 1
    gap = 160 - sum(one.length for one in layers(Plot(margin=5).write(tmp_path, record))["#0000ff"])
    assert gap == pytest.approx(
        0, abs=0.1
    )  # 0.8 of 200 mm, whole below a stroke that is not opaque


def test_lines_are_sorted_to_little_travel() -> None:
    random = np.random.default_rng(0)
    lines = [point + random.normal(size=(4, 2)) for point in random.uniform(0, 100, (300, 1, 2))]
    found = sorted_lines(lines, np.zeros(2))
    assert sorted(map(ends_of, found)) == sorted(map(ends_of, lines))
    order = _nearest_next(np.array([[line[0], line[-1]] for line in lines]), np.zeros(2))
    nearest = [lines[one // 2][:: -1 if one % 2 else 1] for one in order]
    unsorted, greedy, best = (Plan([Pen("", way)]).travel for way in (lines, nearest, found))
    assert greedy < unsorted / 8
    assert best < 0.93 * greedy


def ends_of(line: np.ndarray) -> list[list[float]]:
    return sorted([line[0].tolist(), line[-1].tolist()])


def test_a_plan_says_how_long_it_takes() -> None:
    square = np.array([[0.0, 0], [100, 0], [100, 100]])
    plan = Plan([Pen("#000000", [square]), Pen("#ff0000", [square[::-1]])])
    assert (plan.count, plan.drawn, plan.travel) == (2, 400, 0)
    assert plan.minutes(100, 1000, 30) == 4 + 1
    assert plan.summary(61) == "2 pens, 2 lines, 0.4 m drawn, 0.0 m lifted, about 1 h 1 min"


def test_vpype_finds_hardly_less_travel(tmp_path: Path) -> None:
    """`vpype read plot.svg linesort`: by less than 5 %."""
    vpype = pytest.importorskip("vpype", reason="no vpype, which reads plots")
    cli = pytest.importorskip("vpype_cli")
    path = Plot().write(tmp_path, drawing(150))
    before = vpype.read_multilayer_svg(str(path), 0.01)
    assert len(before.layers) == 3
    ours = sum(layer.pen_up_length()[0] for layer in before.layers.values())
    for sort in ("linesort", "linesort --two-opt"):
        after = cli.execute(f"read {path} {sort}")
        theirs = sum(layer.pen_up_length()[0] for layer in after.layers.values())
        assert theirs > 0.95 * ours


def test_a_page_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    for settings in ({"page": "b4"}, {"page": "0x200"}, {"margin": 105.0}, {"pen": 0.0}):
        with pytest.raises(UserError):
            Plot(**settings)  # type: ignore[arg-type]
    assert Plot(page="300x200").page == [200, 300]
    brush = next(kind for kind in every_kind() if kind.name == "brush")
    with pytest.raises(UserError, match="brush has no outline"):
        Plot().check(brush, 10)
