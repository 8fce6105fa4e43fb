"""Plan of a plotter's work: lines for each of its pens, in an order of little travel.

Lengths are mm of the page; x to the right, y down.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely import (
    Point,
    Polygon,
    buffer,
    convex_hull,
    force_2d,
    geometrycollections,
    get_parts,
    points,
    unary_union,
)
from shapely.geometry.base import BaseGeometry

from impasto.errors import UserError
from impasto.strokes import geometry
from impasto.strokes.geometry import Points

ANY_SIZE = 64  # pixels: whether a mark can be drawn is the same at every size
_OPAQUE = 1 - 0.5 / 255
_ROUND = 8  # segments of a quarter of a circle
_NEAR = 0.005  # of a stroke's radius: how far its outline may leave the true one
_WINDOW = 1000  # lines among which 2-opt looks for a better order
_PASSES = 20


@dataclass(frozen=True)
class Pen:
    """Lines of one colour, in the order and the direction in which they are drawn.

    Attributes:
        color: Such as `#ff0000`.
        lines: (P, 2) each, P at least 2.
    """

    color: str
    lines: Sequence[Points]


@dataclass(frozen=True)
class Plan:
    """All that is drawn.

    Attributes:
        pens: In the order in which they are used.
    """

    pens: Sequence[Pen]

    @property
    def count(self) -> int:
        """Number of times that a pen is set down."""
        return sum(len(pen.lines) for pen in self.pens)

    @property
    def drawn(self) -> float:
        """Length of all lines."""
        return sum(_length(line) for pen in self.pens for line in pen.lines)

    @property
    def travel(self) -> float:
        """Length of the ways between lines, with a lifted pen, from the page's corner at 0."""
        lines = [line for pen in self.pens for line in pen.lines]
        ends = np.array([[0.0, 0.0], *(line[-1] for line in lines)])[: len(lines)]
        starts = np.array([line[0] for line in lines]).reshape(-1, 2)
        return float(np.linalg.norm(starts - ends, axis=1).sum())

    def minutes(self, feed: float, travel: float, lift: float) -> float:
        """Estimate the time, without changes of the pen.

        Args:
            feed: Speed of drawing, in mm a minute.
            travel: Speed of the lifted pen, in mm a minute.
            lift: Seconds for lifting and lowering it once.
        """
        return self.drawn / feed + self.travel / travel + self.count * lift / 60

    def summary(self, minutes: float) -> str:
        """Say what there is to do, in one line."""
        lengths = f"{self.drawn / 1000:.1f} m drawn, {self.travel / 1000:.1f} m lifted"
        hours, rest = divmod(max(1, round(minutes)), 60)
        time = f"{hours} h {rest} min" if hours else f"{rest} min"
        return f"{len(self.pens)} pens, {self.count:,} lines, {lengths}, about {time}"


def plan(lines: Iterable[tuple[str, Points]]) -> Plan:
    """Give each colour a pen, in the order of their first lines, and sort what it draws.

    Args:
        lines: Colour and points (P, 2) of each.
    """
    by_color: dict[str, list[Points]] = {}
    for color, line in lines:
        by_color.setdefault(color, []).append(line)
    pens, place = [], np.zeros(2)
    for color, unsorted in by_color.items():
        pens.append(Pen(color, sorted_lines(unsorted, place)))
        place = pens[-1].lines[-1][-1]
    return Plan(pens)


def sorted_lines(lines: Sequence[Points], start: Points) -> list[Points]:
    """Return lines (P, 2) in an order and in directions of little travel.

    The nearest end comes next; then parts are turned around as long as that shortens the way
    (2-opt; Croes, 1958).

    Args:
        lines: What is to be drawn.
        start: (2,), where the pen is.
    """
    ends = np.array([[line[0], line[-1]] for line in lines]).reshape(-1, 2, 2)
    order = _nearest_next(ends, start)  # of ends: 2 n is the start of line n, 2 n + 1 its end
    _two_opt(order, ends.reshape(-1, 2), start)
    return [lines[one // 2][:: -1 if one % 2 else 1] for one in order]


def _nearest_next(ends: Points, start: Points) -> NDArray[np.int64]:
    """Return the end (N,) at which each next line is begun, always the nearest one."""
    from scipy.spatial import cKDTree  # nothing else on the way to a painting loads it

    places = ends.reshape(-1, 2)
    left, order = np.arange(len(places)), list[int]()
    free = np.ones(len(places), bool)
    place = start
    while len(order) < len(ends):
        left = left[free[left]]  # a new tree when half of the old one's are taken
        tree, until = cKDTree(places[left]), len(order) + max(1, len(left) // 4)
        while len(order) < until:
            near = 8
            while True:
                found = np.atleast_1d(tree.query(place, min(near, len(left)))[1])
                found = left[found][free[left[found]]]
                if len(found):
                    break
                near *= 2
            one = int(found[0])
            order.append(one)
            free[[one, one ^ 1]] = False
            place = places[one ^ 1]
    return np.array(order, np.int64)


def _two_opt(order: NDArray[np.int64], places: Points, start: Points) -> None:
    """Turn parts of an order (N,) of ends around where that shortens the way, in place."""
    count = len(order)
    for _ in range(_PASSES):
        better = False
        for first in range(count):
            stop = min(count, first + _WINDOW)
            begins, ends = places[order[first:stop]], places[order[first:stop] ^ 1]
            before = start if first == 0 else places[order[first - 1] ^ 1]
            now = np.full(stop - first, _distance(before, begins[0]))
            then = _distance(before, ends)
            following = places[order[first + 1 : stop + 1]]  # of the last line there is none
            rows = len(following)
            now[:rows] += _distance(ends[:rows], following)
            then[:rows] += _distance(begins[0], following)
            gain = now - then
            last = int(gain.argmax())
            if gain[last] > 1e-9:
                part = order[first : first + last + 1]
                part[:] = part[::-1] ^ 1
                better = True
        if not better:
            return


def _distance(one: Points, other: Points) -> Any:
    return np.hypot(one[..., 0] - other[..., 0], one[..., 1] - other[..., 1])


def _length(line: Points) -> float:
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())


def visible(
    shapes: Sequence[BaseGeometry], covers: Sequence[BaseGeometry | None]
) -> Iterator[BaseGeometry]:
    """Yield what is left of each shape below the covers that come after it, last shape first.

    Args:
        shapes: In painting order.
        covers: What each of them hides; None of what is not opaque.
    """
    above: list[BaseGeometry] = []
    boxes = np.empty((len(shapes), 4))  # of these; one union of all would have too many corners
    for shape, cover in zip(reversed(shapes), reversed(covers), strict=True):
        left, top, right, bottom = (shape if cover is None else cover).bounds or (0.0,) * 4
        x0, y0, x1, y1 = boxes[: len(above)].T
        near = (x0 < right) & (x1 > left) & (y0 < bottom) & (y1 > top)
        hidden = unary_union([above[one] for one in np.flatnonzero(near)])
        yield shape.difference(hidden)
        if cover is not None and not hidden.covers(cover):
            boxes[len(above)] = cover.bounds
            above.append(cover)


def outline(mark: geometry.Mark, name: str) -> BaseGeometry:
    """Return the area that a mark covers, in the mark's pixels.

    Raises:
        UserError: It is a picture.
    """
    if isinstance(mark, geometry.Stamp):
        raise UserError(f"`{name}`: the picture of a brush has no outline", "use another kind")
    if isinstance(mark, geometry.Disc):
        return Point(mark.center).buffer(mark.radius)
    if isinstance(mark, geometry.Area):
        return Polygon(mark.corners).buffer(0)
    discs = buffer(points(mark.points), mark.radii, quad_segs=_ROUND)
    pairs = geometrycollections(np.stack([discs[:-1], discs[1:]], axis=1))
    return unary_union(convex_hull(pairs)).simplify(_NEAR * float(mark.radii.max()))


def is_opaque(mark: geometry.Mark) -> bool:
    """Return True if a mark hides all that lies below it."""
    return bool(np.min(mark.opacity) >= _OPAQUE)


def polygons(shape: BaseGeometry) -> list[Polygon]:
    """Return the parts of a shape that have an area."""
    return [one for one in get_parts(force_2d(shape)) if isinstance(one, Polygon) and one.area]
