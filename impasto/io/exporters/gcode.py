"""A painting for a pen plotter or a brush robot: G-code."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from shapely import LinearRing, Point, Polygon, box, get_num_coordinates, unary_union
from shapely.affinity import affine_transform
from shapely.geometry.base import BaseGeometry
from torch import Tensor

from impasto.bounds import NotNegative, Positive, validated
from impasto.canvas import to_hex
from impasto.errors import UserError
from impasto.io.exporters.base import STEM, Exporter
from impasto.io.exporters.plan import ANY_SIZE, Plan, is_opaque, outline, plan, polygons, visible
from impasto.io.record import StrokeRecord
from impasto.persistence.atomic import atomic_write
from impasto.strokes import Stroke, geometry
from impasto.strokes.geometry import Points
from impasto.strokes.limits import limit_shape

log = logging.getLogger(__name__)

_ROUND = 0.05  # of a tool's width: how far a path may leave the true outline
_BESIDE = 1.5  # tools' widths: how far the next outline may be that is drawn without lifting
_LEAST = 0.5  # squares of a tool's width: smaller parts that are thinner than it stay unpainted
_MOST_LINES = 24_000_000  # some ten minutes of work, and hundreds of megabytes
# Strokes that are not there yet are estimated by random ones. Those that are found then may be
# larger, and are not to be refused when they are painted.
_UNSURE = 4
_SAMPLES = 16
_CHANGES = ("pause", "tool", "none")
_PENS = ("z", "servo")


@validated
class Gcode(Exporter):
    """`painting.gcode`: what is seen of each colour, filled by paths of the tool.

    Millimetres, absolute, y up, the picture's lower left corner at 0. One colour follows the other:
    what lies below later strokes, or outside of the picture, is cut, so their order is free. A
    comment says which colour comes first, and before every other one the tool is changed. An area
    is filled outline after outline inwards, and what is to be drawn is sorted to little travel.

    Args:
        width: Of the picture, in mm; its height follows.
        tool: Width of what the tool draws, in mm.
        feed: Speed of drawing, in mm a minute.
        travel: Speed of the lifted tool, in mm a minute.
        change: What changes the tool: `pause` (`M0`, which every firmware knows), `tool` (`T2 M6`,
            numbered in the order of the colours, for machines that have a changer), or `none`.
        pen: What lifts and lowers the tool: `z` (the machine's axis) or `servo` (`M3 S…`, `M5`).
        lift: Height of the lifted tool, in mm.
        depth: Height of the drawing tool, in mm.
        servo_down: `S` of the lowered tool.
        servo_up: `S` of the lifted tool; 0 is `M5`.
        servo_wait: Seconds that the servo takes; 0 for no pause.
        header: The program's first lines.
        footer: Its last lines, of the lifted tool.

    Raises:
        UserError: One of them makes no sense.
    """

    file = f"{STEM}.gcode"

    def __init__(
        self,
        width: Positive = 200.0,
        tool: Positive = 1.0,
        feed: Positive = 1500.0,
        travel: Positive = 5000.0,
        change: str = "pause",
        pen: str = "z",
        lift: float = 5.0,
        depth: float = 0.0,
        servo_down: NotNegative = 1000.0,
        servo_up: NotNegative = 0.0,
        servo_wait: NotNegative = 0.2,
        header: Sequence[str] = ("G21 ; millimetres", "G90 ; absolute"),
        footer: Sequence[str] = ("M2 ; end",),
    ) -> None:
        _require(change in _CHANGES, "change", change, f"give one of {', '.join(_CHANGES)}")
        _require(pen in _PENS, "pen", pen, f"give one of {', '.join(_PENS)}")
        for key, lines in {"header": header, "footer": footer}.items():
            fits = not isinstance(lines, str) and all(map(_is_line, lines))
            _require(fits, key, lines, 'give a list of lines, such as ["G21","G90"]')
        if pen == "z" and not depth < lift:
            raise UserError(f"`Gcode.lift={lift}` is not above `Gcode.depth={depth}`", "give more")
        self.width, self.tool, self.change = width, tool, change
        self.feed, self.travel = feed, travel
        self.header, self.footer = list(header), list(footer)
        self.lift, self.wait = lift - depth, 2 * servo_wait if pen == "servo" else None
        self.up, self.down = [f"G0 Z{lift:g}"], [f"G1 Z{depth:g} F{feed:g}"]
        if pen == "servo":
            wait = [f"G4 P{servo_wait:g}"] if servo_wait else []
            self.up = [f"M3 S{servo_up:g}" if servo_up else "M5", *wait]
            self.down = [f"M3 S{servo_down:g}", *wait]

    def check(self, stroke: Stroke | None = None, strokes: Tensor | int | None = None) -> None:
        """See `Exporter.check`: strokes must be opaque, have an outline, and take bounded work."""
        if stroke is None:
            return
        if isinstance(strokes, Tensor):
            shapes = self._shapes(stroke, strokes, ANY_SIZE, ANY_SIZE)
            self._check_work(self._work(shapes, 1, 1), _MOST_LINES)
            return
        faintest = limit_shape(stroke, torch.zeros(1, stroke.shape_dim))[0]
        mark = stroke.mark(faintest, ANY_SIZE, ANY_SIZE)
        _check_mark(mark, "a stroke")
        outline(mark, "Gcode")
        if strokes is not None:
            some = stroke.sample(_SAMPLES, torch.Generator().manual_seed(0))
            shapes = self._shapes(stroke, some, ANY_SIZE, ANY_SIZE)
            work = self._work(shapes, strokes / _SAMPLES, 1)
            self._check_work(work, _MOST_LINES / _UNSURE)

    def write(self, folder: Path, painting: StrokeRecord) -> Path:
        """See `Exporter.write`; strokes must be opaque, and have an outline."""
        path = folder / self.file
        with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in self.lines(painting))
        return path

    def lines(self, painting: StrokeRecord) -> Iterator[str]:
        """Yield the program, line by line.

        Raises:
            UserError: A stroke can't be drawn so, or they are far too many lines.
        """
        planned = self.plan(painting)
        lift = sum(abs(self.lift / speed) * 60 for speed in (self.feed, self.travel))
        minutes = planned.minutes(self.feed, self.travel, lift if self.wait is None else self.wait)
        said = planned.summary(minutes)
        log.info("G-code: %s", said)
        height = self.width * painting.height / painting.width
        yield f"; {len(painting.strokes)} strokes on {self.width:g} x {height:.2f} mm"
        yield f"; {said}"
        yield from self.header
        yield from self.up
        for number, pen in enumerate(planned.pens):
            yield f"{self._change(number + 1) if number else ''}; paint {pen.color}"
            for path in pen.lines:
                yield from self._draw(path)
        yield from self.footer

    def plan(self, painting: StrokeRecord) -> Plan:
        """Return what the tool draws, in mm, y up; errors as in `lines`."""
        strokes, dim = painting.strokes, painting.stroke.shape_dim
        height, width = painting.height, painting.width
        shapes = list(self._shapes(painting.stroke, strokes, height, width))
        self._check_work(self._work(shapes, 1, height / width), _MOST_LINES, say=False)
        colors = [to_hex(one[dim:]) for one in strokes]
        seen = [*visible(shapes, shapes)][::-1]
        areas = {
            color: unary_union([one for one, own in zip(seen, colors, strict=True) if own == color])
            for color in dict.fromkeys(colors)
        }
        paths = self.watched(areas.items())
        return plan((color, path) for color, area in paths for path in self._fill(area))

    def _change(self, number: int) -> str:
        """Return the G-code that changes to the tool of a number."""
        return {"pause": "M0 ", "tool": f"T{number} M6 ", "none": ""}[self.change]

    def _shapes(
        self, stroke: Stroke, strokes: Tensor, height: int, width: int
    ) -> Iterator[BaseGeometry]:
        """Yield the area of the page that each stroke (N, S) or (N, D) covers, in mm, y up.

        Raises:
            UserError: A tool can't draw one of them.
        """
        scale = self.width / width
        page = box(0, 0, self.width, height * scale)
        for number, one in enumerate(strokes):
            mark = stroke.mark(one[: stroke.shape_dim], height, width)
            _check_mark(mark, f"stroke {number}")
            shape = outline(mark, "Gcode")
            placed = affine_transform(shape, [scale, 0, 0, -scale, 0, height * scale])
            yield placed.intersection(page)

    def _work(self, shapes: Iterable[BaseGeometry], times: float, aspect: float) -> float:
        """Estimate how many lines fill shapes that come so many times; mostly there are fewer.

        However large they are, what is seen of them is no larger than the page.
        """
        lines = area = 0.0
        for part in (part for shape in shapes for part in polygons(shape)):
            round_ = part.simplify(_ROUND * self.tool, preserve_topology=False)
            lines += get_num_coordinates(round_) * (1 + 2 * part.area / part.length / self.tool)
            area += part.area
        page = self.width**2 * aspect
        return lines * times * min(1.0, 4 * page / max(area * times, 1e-9))

    def _check_work(self, lines: float, most: float, say: bool = True) -> None:
        if lines > most:
            raise UserError(
                f"`Gcode`: a tool of {self.tool:g} mm takes about {lines:.1g} lines",
                "give a wider `Gcode.tool`, a smaller `Gcode.width` or fewer strokes",
            )
        if say:
            log.info("G-code: about %s lines", f"{float(f'{lines:.2g}'):,.0f}")

    def _fill(self, shape: BaseGeometry) -> Iterator[Points]:
        """Yield paths (P, 2) of the tool's middle that fill a shape, from its border inwards."""
        for part in polygons(shape):
            inner = polygons(part.buffer(-self.tool / 2))
            if not inner and part.area > _LEAST * self.tool**2:  # thinner than the tool
                yield _long_axis(part)
            path: list[Points] = []
            for ring in self._rings(inner):
                if path and ring.distance(Point(path[-1][-1])) > _BESIDE * self.tool:
                    yield np.concatenate(path)
                    path = []
                path.append(_begun_beside(ring, path[-1][-1]) if path else np.asarray(ring.coords))
            if path:
                yield np.concatenate(path)

    def _rings(self, areas: list[Polygon]) -> Iterator[LinearRing]:
        """Yield outlines of areas, each followed by those within it."""
        while areas:
            area = areas.pop()
            for ring in (area.exterior, *area.interiors):
                yield ring.simplify(_ROUND * self.tool, preserve_topology=False)
            areas += polygons(area.buffer(-self.tool))

    def _draw(self, path: Points) -> Iterator[str]:
        (x, y), *rest = path
        yield f"G0 X{x:.3f} Y{y:.3f} F{self.travel:g}"
        yield from self.down
        (x, y), *rest = rest
        yield f"G1 X{x:.3f} Y{y:.3f} F{self.feed:g}"
        for x, y in rest:
            yield f"G1 X{x:.3f} Y{y:.3f}"
        yield from self.up


def _require(fits: bool, key: str, value: object, todo: str) -> None:
    if not fits:
        raise UserError(f"`Gcode.{key}={value}` makes no sense", todo)


def _is_line(text: object) -> bool:
    return isinstance(text, str) and text.isprintable()


def _check_mark(mark: geometry.Mark, name: str) -> None:
    """Check that a tool can draw a mark.

    Raises:
        UserError: It is not opaque, or has no outline.
    """
    if not isinstance(mark, geometry.Stamp) and not is_opaque(mark):
        raise UserError(
            f"`Gcode`: {name} is not opaque, as a pen's or a brush's is",
            "paint with `opaque=true` (and `palette=8` for eight paints)",
        )


def _begun_beside(ring: LinearRing, place: Points) -> Points:
    """Return the points of a ring from where it is nearest to a place, around to there."""
    points = np.asarray(ring.coords)
    along = ring.project(Point(place))
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1).cumsum()
    first = min(int(np.searchsorted(steps, along)), len(steps) - 1) + 1
    start = np.asarray(ring.interpolate(along).coords)
    return np.concatenate([start, points[first:-1], points[:first], start])


def _long_axis(polygon: Polygon) -> Points:
    """Return the two ends of a thin shape, (2, 2)."""
    ring = np.asarray(polygon.minimum_rotated_rectangle.exterior.coords)[:4]
    sides = np.linalg.norm(np.roll(ring, -1, axis=0) - ring, axis=1)
    start = 1 if sides[0] >= sides[1] else 0  # of the first short side; the other lies opposite
    return np.stack([(ring[start + k] + ring[(start + k + 1) % 4]) / 2 for k in (0, 2)])
