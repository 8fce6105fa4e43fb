"""A painting for a pen plotter or a brush robot: G-code."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from shapely import Point, Polygon, box, unary_union
from shapely.affinity import affine_transform
from shapely.geometry.base import BaseGeometry
from torch import Tensor

from painting.canvas import to_uint8
from painting.errors import UserError
from painting.exporters.base import STEM, Exporter
from painting.images import atomic_write
from painting.record import StrokeRecord
from painting.strokes import Stroke, marks
from painting.strokes.marks import Points

_ANY_SIZE = 64  # pixels: whether a mark can be drawn is the same at every size
_OPAQUE = 1 - 0.5 / 255
_ROUND = 0.05  # of a tool's width: how far a path may leave the true outline


class Gcode(Exporter):
    """`painting.gcode`: every stroke filled by paths of the tool, outline after outline inwards.

    Millimetres, absolute, y up, the picture's lower left corner at 0. The tool is changed (`M6`)
    whenever the colour is; strokes come in painting order. What lies outside of the picture is cut.

    Args:
        width: Of the picture, in mm; its height follows.
        tool: Width of what the tool draws, in mm.
        lift: Height of the lifted tool, in mm.
        depth: Height of the drawing tool, in mm.
        feed: Speed of drawing, in mm a minute.
        travel: Speed of the lifted tool, in mm a minute.

    Raises:
        UserError: One of them makes no sense.
    """

    def __init__(
        self, width: float = 200.0, tool: float = 1.0, lift: float = 5.0, depth: float = 0.0,
        feed: float = 1500.0, travel: float = 5000.0,
    ) -> None:  # fmt: skip
        for key, value in {"width": width, "tool": tool, "feed": feed, "travel": travel}.items():
            if not value > 0:
                raise UserError(
                    f"export.gcode.{key}={value} makes no sense", "give more than 0 (mm, or mm/min)"
                )
        if not lift > depth:
            raise UserError(
                f"export.gcode.lift={lift} is not above export.gcode.depth={depth}", "give more"
            )
        self.width, self.tool, self.lift, self.depth = width, tool, lift, depth
        self.feed, self.travel = feed, travel

    def check(self, stroke: Stroke | None = None, strokes: Tensor | None = None) -> None:
        """See `Exporter.check`: strokes must be opaque, and have an outline."""
        if stroke is None:
            return
        if strokes is None:  # the faintest that the kind's limits allow
            faintest = stroke.limit_shape(torch.zeros(1, stroke.shape_dim))[0]
            _check_mark(stroke.mark(faintest, _ANY_SIZE, _ANY_SIZE), "a stroke")
            return
        for number, one in enumerate(strokes):
            mark = stroke.mark(one[: stroke.shape_dim], _ANY_SIZE, _ANY_SIZE)
            _check_mark(mark, f"stroke {number}")

    def write(self, folder: Path, painting: StrokeRecord) -> Path:
        """See `Exporter.write`; strokes must be opaque, and have an outline."""
        path = folder / f"{STEM}.gcode"
        with atomic_write(path) as temporary:
            temporary.write_text("\n".join(self.lines(painting)) + "\n", encoding="utf-8")
        return path

    def lines(self, painting: StrokeRecord) -> Iterator[str]:
        """The program, line by line."""
        stroke, scale = painting.stroke, self.width / painting.width
        page_height = painting.height * scale
        page = box(0, 0, self.width, page_height)
        yield f"; {len(painting.strokes)} strokes on {self.width:g} x {page_height:.2f} mm"
        yield "G21 ; millimetres"
        yield "G90 ; absolute"
        yield f"G0 Z{self.lift:g}"
        present = None
        for number, one in enumerate(painting.strokes):
            mark = stroke.mark(one[: stroke.shape_dim], painting.height, painting.width)
            _check_mark(mark, f"stroke {number}")
            shape = _outline(mark)
            placed = affine_transform(shape, [scale, 0, 0, -scale, 0, page_height])  # y up
            color = "#" + bytes(to_uint8(one[stroke.shape_dim :]).tolist()).hex()
            paths = list(self._fill(placed.intersection(page)))
            if paths and color != present:
                yield f"M6 ; paint {color}"
                present = color
            for path in paths:
                yield from self._draw(path, number)
        yield f"G0 Z{self.lift:g}"
        yield "M2 ; end"

    def _fill(self, shape: BaseGeometry) -> Iterator[Points]:
        """Paths (P, 2) of the tool's middle that fill a shape, from its border inwards."""
        for part in _polygons(shape):
            inner = part.buffer(-self.tool / 2)
            if inner.is_empty:  # thinner than the tool
                yield _long_axis(part)
            while not inner.is_empty:
                for polygon in _polygons(inner):
                    for ring in (polygon.exterior, *polygon.interiors):
                        yield np.asarray(ring.simplify(_ROUND * self.tool).coords)
                inner = inner.buffer(-self.tool)

    def _draw(self, path: Points, number: int) -> Iterator[str]:
        (x, y), *rest = path
        yield f"G0 X{x:.3f} Y{y:.3f} F{self.travel:g} ; stroke {number}"
        yield f"G1 Z{self.depth:g} F{self.feed:g}"
        for x, y in rest:
            yield f"G1 X{x:.3f} Y{y:.3f}"
        yield f"G0 Z{self.lift:g}"


def _check_mark(mark: marks.Mark, name: str) -> None:
    """Check that a tool can draw a mark.

    Raises:
        UserError: It is not opaque, or has no outline.
    """
    if isinstance(mark, marks.Stamp):
        raise UserError(
            "export=gcode: the picture of a brush has no outline", "use another stroke kind"
        )
    if np.min(mark.opacity) < _OPAQUE:
        raise UserError(
            f"export=gcode: {name} is not opaque, as a pen's or a brush's is",
            "paint with stroke.opaque=true (and stroke.palette=8 for eight paints)",
        )


def _outline(mark: marks.Mark) -> BaseGeometry:
    """What a mark that was checked covers, in pixels."""
    if isinstance(mark, marks.Disc):
        return Point(mark.center).buffer(mark.radius)
    if isinstance(mark, marks.Area):
        return Polygon(mark.corners).buffer(0)
    assert isinstance(mark, marks.Path)
    discs = [Point(p).buffer(r) for p, r in zip(mark.points, mark.radii, strict=True)]
    return unary_union([unary_union(pair).convex_hull for pair in pairwise(discs)])


def _polygons(shape: BaseGeometry) -> list[Polygon]:
    parts = getattr(shape, "geoms", [shape])
    return [one for one in parts if isinstance(one, Polygon) and not one.is_empty]


def _long_axis(polygon: Polygon) -> Points:
    """From end to end of a thin shape, (2, 2)."""
    ring = np.asarray(polygon.minimum_rotated_rectangle.exterior.coords)[:4]
    sides = np.linalg.norm(np.roll(ring, -1, axis=0) - ring, axis=1)
    start = 1 if sides[0] >= sides[1] else 0  # of the first short side; the other lies opposite
    return np.stack([(ring[start + k] + ring[(start + k + 1) % 4]) / 2 for k in (0, 2)])
