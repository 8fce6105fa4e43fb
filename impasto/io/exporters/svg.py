"""A painting as SVG: every stroke in its true shape, width and opacity."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from xml.sax.saxutils import escape

import numpy as np
import torch
from annotated_types import Ge, Le

from impasto.bounds import validated
from impasto.canvas import to_hex
from impasto.io.exporters.base import STEM, Exporter
from impasto.io.images import png_data_uri
from impasto.io.record import StrokeRecord
from impasto.persistence.atomic import atomic_write
from impasto.strokes import geometry
from impasto.strokes.geometry import Points, hull_angles

# A byte of opacity: closer ones look the same.
_EQUAL = 1 / 255
_MOST_DECIMALS = 9


@validated
class Svg(Exporter):
    """`painting.svg`, to be edited: each stroke has an id and a title, and a curve its nodes.

    A curve of one width and one opacity is a stroked path. Of another it is a group: its middle,
    which is not drawn, and beside it a filled path, or, where its opacity changes, a rectangle of
    its colour seen through a mask of grey hulls, each of which replaces what lies below it as the
    pen does; renderers that take a mask's alpha for its luminance (CairoSVG) get these wrong.

    Args:
        decimals: Of coordinates in pixels.
        command: What made the painting, for the file's description.
    """

    file = f"{STEM}.svg"

    def __init__(
        self, decimals: Annotated[int, Ge(0), Le(9)] = 2, command: str | None = None
    ) -> None:
        self.decimals, self.command = decimals, command

    def write(self, folder: Path, painting: StrokeRecord) -> Path:
        """See `Exporter.write`."""
        path = folder / self.file
        with atomic_write(path) as temporary:
            temporary.write_text("\n".join(self.lines(painting)) + "\n", encoding="utf-8")
        return path

    def lines(self, painting: StrokeRecord) -> Iterator[str]:
        """Yield the file's lines, one or more per stroke."""
        stroke, width, height = painting.stroke, painting.width, painting.height
        size = f'width="{width}" height="{height}"'
        yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}">'
        yield f"<title>{len(painting.strokes)} {stroke.name} strokes</title>"
        if self.command is not None:
            yield f"<desc>{escape(self.command)}</desc>"
        if painting.background is not None:
            yield f'<rect {size} fill="{to_hex(torch.tensor(painting.background))}"/>'
        own = self._prefix(painting)
        stamps: dict[int, str] = {}
        strokes = self.watched(painting.strokes, len(painting.strokes))
        for number, one in enumerate(strokes):
            mark = stroke.mark(one[: stroke.shape_dim], height, width)
            color = to_hex(one[stroke.shape_dim :])
            name = f'id="{own}s{number}"'
            title = f"<title>stroke {number}</title>"
            if isinstance(mark, geometry.Path) and self._is_even(mark):
                thick = f'stroke-width="{self._text(2 * float(mark.radii.mean()))}"'
                paint = _paint(color, float(mark.opacity.mean()), "stroke")
                yield f'<path {name} {self._curve(mark)} {paint} {thick} stroke-linecap="round">'
                yield f"{title}</path>"
            elif isinstance(mark, geometry.Disc):
                x, y = mark.center
                circle = f'<circle {name} cx="{self._text(x)}" cy="{self._text(y)}"'
                yield f'{circle} r="{self._text(mark.radius)}" {_paint(color, mark.opacity)}>'
                yield f"{title}</circle>"
            elif isinstance(mark, geometry.Area):
                area = f'd="{self._polygon(mark.corners)}"'
                yield f"<path {name} {area} {_paint(color, mark.opacity)}>{title}</path>"
            else:
                yield f"<g {name}>{title}"
                if isinstance(mark, geometry.Path):
                    yield f"<path {self._curve(mark)}/>"
                    yield from self._path(mark, color, f"{own}m{number}")
                else:
                    yield from self._stamp(mark, color, f"{own}m{number}", stamps)
                yield "</g>"
        yield "</svg>"

    def _prefix(self, painting: StrokeRecord) -> str:
        """Return the prefix of ids, unlike that of any other painting in the same document."""
        stroke = painting.stroke
        about = [
            stroke.name,
            stroke.options(),
            painting.width,
            painting.height,
            painting.background,
            painting.strokes.tolist(),
            self.decimals,
        ]
        return "p" + hashlib.sha256(json.dumps(about).encode()).hexdigest()[:10]

    def _is_even(self, path: geometry.Path) -> bool:
        """Return True if a curve has one width, as far as it is written, and one opacity."""
        digit = 10.0**-self.decimals
        return bool(np.ptp(path.radii) < digit and np.ptp(path.opacity) < _EQUAL)

    def _curve(self, path: geometry.Path) -> str:
        start, control, end = (self._point(node) for node in path.nodes)
        return f'd="M{start}Q{control} {end}" fill="none"'

    def _path(self, path: geometry.Path, color: str, name: str) -> Iterator[str]:
        hulls = list(self._hulls(path))
        if np.ptp(path.opacity) < _EQUAL:
            yield f'<path d="{"".join(hulls)}" {_paint(color, float(path.opacity.mean()))}/>'
            return
        reach = path.radii[:, None] + 1
        low, high = (path.points - reach).min(0), (path.points + reach).max(0)
        x, y, width, height = (self._text(v) for v in [*low, *(high - low)])
        box = f'x="{x}" y="{y}" width="{width}" height="{height}"'
        yield f'<mask id="{name}" maskUnits="userSpaceOnUse" {box}>'
        for hull, opacity in zip(hulls, path.opacity, strict=True):
            yield f'<path d="{hull}" fill="{to_hex(torch.tensor([opacity] * 3))}"/>'
        yield f'</mask><rect {box} fill="{color}" mask="url(#{name})"/>'

    def _hulls(self, path: geometry.Path) -> Iterator[str]:
        """Yield the hulls of the pen at both ends of every segment; all turn the same way."""
        for i in range(len(path.points) - 1):
            (p0, p1), (r0, r1) = path.points[i : i + 2], path.radii[i : i + 2]
            angles = hull_angles(p1 - p0, r0, r1)
            if angles is None:
                yield self._disc(*((p0, r0) if r0 >= r1 else (p1, r1)))
                continue
            direction, half = angles
            a, b = (p0 + r0 * _unit(direction + s * half) for s in (1, -1))
            c, d = (p1 + r1 * _unit(direction + s * half) for s in (-1, 1))
            back, front = int(half < np.pi / 2), int(half > np.pi / 2)  # the larger arc
            yield (
                f"M{self._point(a)}{self._arc(r0, back, b)}L{self._point(c)}"
                f"{self._arc(r1, front, d)}Z"
            )

    def _disc(self, center: Points, radius: float) -> str:
        left, right = (center + np.array([side * radius, 0]) for side in (-1, 1))
        half = self._arc(radius, 0, right)
        return f"M{self._point(left)}{half}{self._arc(radius, 0, left)}Z"

    def _arc(self, radius: float, large: int, end: Points) -> str:
        size = self._text(radius)
        return f"A{size} {size} 0 {large} 1 {self._point(end)}"

    def _polygon(self, corners: Points) -> str:
        return "M" + "L".join(self._point(corner) for corner in corners) + "Z"

    def _stamp(
        self, stamp: geometry.Stamp, color: str, name: str, known: dict[int, str]
    ) -> Iterator[str]:
        """Yield a mask of the brush's picture, which stands once in the file."""
        if id(stamp.paint) not in known:
            known[id(stamp.paint)] = picture = f"{name}b"
            height, width = stamp.paint.shape
            yield (
                f'<defs><image id="{picture}" width="{width}" height="{height}" '
                f'href="{png_data_uri(stamp.paint)}"/></defs>'
            )
        rows, columns = stamp.paint.shape
        across, down = stamp.size / [columns, rows]
        move = (
            f"translate({self._point(stamp.center)}) rotate({np.degrees(stamp.angle):.6g}) "
            f"scale({across:.6g} {down:.6g}) translate({-columns / 2:g} {-rows / 2:g})"
        )
        brush = f'<use href="#{known[id(stamp.paint)]}"/>'
        corners = geometry.turned_corners(stamp.center, stamp.size + 2, stamp.angle)
        box = self._polygon(corners)
        yield f'<mask id="{name}"><g transform="{move}">{brush}</g></mask>'
        yield f'<path d="{box}" {_paint(color, stamp.opacity)} mask="url(#{name})"/>'

    def _point(self, point: Points) -> str:
        return f"{self._text(point[0])} {self._text(point[1])}"

    def _text(self, value: float) -> str:
        text = f"{value:.{self.decimals}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text


def _unit(angle: float) -> Points:
    return np.array([np.cos(angle), np.sin(angle)])


def _paint(color: str, opacity: float, what: str = "fill") -> str:
    full = f'{what}="{color}"'
    return full if opacity > 1 - _EQUAL / 2 else f'{full} {what}-opacity="{opacity:.4g}"'
