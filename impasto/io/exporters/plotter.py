"""A painting for a pen plotter or a brush robot: G-code."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from shapely import Point, Polygon, box, get_num_coordinates, unary_union
from shapely.affinity import affine_transform
from shapely.geometry.base import BaseGeometry
from torch import Tensor

from impasto.bounds import NotNegative, Positive, validated
from impasto.canvas import to_hex
from impasto.errors import UserError
from impasto.io.exporters.base import STEM, Exporter
from impasto.io.record import StrokeRecord
from impasto.persistence.atomic import atomic_write
from impasto.strokes import Stroke, geometry
from impasto.strokes.geometry import Points
from impasto.strokes.limits import limit_shape

log = logging.getLogger(__name__)

_ANY_SIZE = 64  # pixels: whether a mark can be drawn is the same at every size
_OPAQUE = 1 - 0.5 / 255
_ROUND = 0.05  # of a tool's width: how far a path may leave the true outline
_MOST_LINES = 24_000_000  # some ten minutes of work, and hundreds of megabytes
# Strokes that are not there yet are estimated by random ones. Those that are found then may be
# larger, and are not to be refused when they are painted.
_UNSURE = 4
_SAMPLES = 16
_CHANGES = ("pause", "tool", "none")
_PENS = ("z", "servo")


@validated
class Gcode(Exporter):
    """`painting.gcode`: every stroke filled by paths of the tool, outline after outline inwards.

    Millimetres, absolute, y up, the picture's lower left corner at 0. Strokes come in painting
    order; a comment says which colour comes first, and before every other one the tool is changed.
    What lies outside of the picture is cut.

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
            shapes = self._shapes(stroke, strokes, _ANY_SIZE, _ANY_SIZE)
            self._check_work(self._work(shapes), _MOST_LINES)
            return
        faintest = limit_shape(stroke, torch.zeros(1, stroke.shape_dim))[0]
        _check_mark(stroke.mark(faintest, _ANY_SIZE, _ANY_SIZE), "a stroke")
        if strokes is not None:
            some = stroke.sample(_SAMPLES, torch.Generator().manual_seed(0))
            work = self._work(self._shapes(stroke, some, _ANY_SIZE, _ANY_SIZE))
            self._check_work(work * strokes / _SAMPLES, _MOST_LINES / _UNSURE)

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
        strokes, dim = painting.strokes, painting.stroke.shape_dim
        height, width = painting.height, painting.width
        shapes = list(self._shapes(painting.stroke, strokes, height, width))
        self._check_work(self._work(shapes), _MOST_LINES, say=False)
        yield f"; {len(strokes)} strokes on {self.width:g} x {self.width * height / width:.2f} mm"
        yield from self.header
        yield from self.up
        colors: list[str] = []  # in the order of their first strokes
        present = None
        for number, (one, shape) in enumerate(zip(strokes, shapes, strict=True)):
            color = to_hex(one[dim:])
            paths = list(self._fill(shape))
            if paths and color != present:
                colors += [color] if color not in colors else []
                change = self._change(colors.index(color) + 1) if present else ""
                yield f"{change}; paint {color}"
                present = color
            for path in paths:
                yield from self._draw(path, number)
        yield from self.footer

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
            placed = affine_transform(_outline(mark), [scale, 0, 0, -scale, 0, height * scale])
            yield placed.intersection(page)

    def _work(self, shapes: Iterable[BaseGeometry]) -> float:
        """Estimate from above how many lines fill shapes: 1.2 to 2.4 times the true number."""
        lines = 0.0
        for part in (part for shape in shapes for part in _polygons(shape)):
            outline = part.simplify(_ROUND * self.tool, preserve_topology=False)
            around = get_num_coordinates(outline) + len(self.up) + len(self.down) + 1
            lines += around * (1 + 2 * part.area / part.length / self.tool)
        return lines

    def _check_work(self, lines: float, most: float, say: bool = True) -> None:
        if lines > most:
            raise UserError(
                f"`Gcode`: a tool of {self.tool:g} mm takes about {lines:.1g} lines",
                "give a wider `Gcode.tool`, a smaller `Gcode.width` or fewer strokes",
            )
        if say:
            log.info("G-code: at most about %s lines", f"{float(f'{lines:.2g}'):,.0f}")

    def _fill(self, shape: BaseGeometry) -> Iterator[Points]:
        """Yield paths (P, 2) of the tool's middle that fill a shape, from its border inwards."""
        for part in _polygons(shape):
            inner = part.buffer(-self.tool / 2)
            if inner.is_empty:  # thinner than the tool
                yield _long_axis(part)
            while not inner.is_empty:
                for polygon in _polygons(inner):
                    for ring in (polygon.exterior, *polygon.interiors):
                        yield np.asarray(
                            ring.simplify(_ROUND * self.tool, preserve_topology=False).coords
                        )
                inner = inner.buffer(-self.tool)

    def _draw(self, path: Points, number: int) -> Iterator[str]:
        (x, y), *rest = path
        yield f"G0 X{x:.3f} Y{y:.3f} F{self.travel:g} ; stroke {number}"
        yield from self.down
        (x, y), *rest = rest or [path[0]]
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
    if isinstance(mark, geometry.Stamp):
        raise UserError("`Gcode`: the picture of a brush has no outline", "use another stroke kind")
    if np.min(mark.opacity) < _OPAQUE:
        raise UserError(
            f"`Gcode`: {name} is not opaque, as a pen's or a brush's is",
            "paint with `opaque=true` (and `palette=8` for eight paints)",
        )


def _outline(mark: geometry.Mark) -> BaseGeometry:
    """Return the area that a checked mark covers, in pixels."""
    if isinstance(mark, geometry.Disc):
        return Point(mark.center).buffer(mark.radius)
    if isinstance(mark, geometry.Area):
        return Polygon(mark.corners).buffer(0)
    assert isinstance(mark, geometry.Path)
    discs = [Point(p).buffer(r) for p, r in zip(mark.points, mark.radii, strict=True)]
    return unary_union([unary_union(pair).convex_hull for pair in pairwise(discs)])


def _polygons(shape: BaseGeometry) -> list[Polygon]:
    parts = getattr(shape, "geoms", [shape])
    return [one for one in parts if isinstance(one, Polygon) and not one.is_empty]


def _long_axis(polygon: Polygon) -> Points:
    """Return the two ends of a thin shape, (2, 2)."""
    ring = np.asarray(polygon.minimum_rotated_rectangle.exterior.coords)[:4]
    sides = np.linalg.norm(np.roll(ring, -1, axis=0) - ring, axis=1)
    start = 1 if sides[0] >= sides[1] else 0  # of the first short side; the other lies opposite
    return np.stack([(ring[start + k] + ring[(start + k + 1) % 4]) / 2 for k in (0, 2)])
