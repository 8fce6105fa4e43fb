"""A painting for a pen plotter, as its strokes' centre lines: SVG in millimetres."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from shapely import LineString, MultiLineString, box, get_parts, line_merge
from shapely.affinity import affine_transform
from shapely.geometry.base import BaseGeometry
from torch import Tensor

from impasto.bounds import NotNegative, Positive, validated
from impasto.canvas import to_hex
from impasto.errors import UserError
from impasto.io.exporters.base import Exporter
from impasto.io.exporters.plan import ANY_SIZE, Plan, is_opaque, outline, plan, visible
from impasto.io.images import write_png
from impasto.io.record import StrokeRecord
from impasto.persistence.atomic import atomic_write
from impasto.strokes import Stroke, geometry
from impasto.strokes.limits import limit_shape

log = logging.getLogger(__name__)

_PAGES = {  # mm, upright
    "a5": (148.0, 210.0),
    "a4": (210.0, 297.0),
    "a3": (297.0, 420.0),
    "a2": (420.0, 594.0),
    "letter": (215.9, 279.4),
    "tabloid": (279.4, 431.8),
}
_ROUND = 0.1  # of a pen's width: how far a line may leave the true one
_PREVIEW = 1600  # pixels on the longer side of the preview
_FINE = 2  # pixels for one of them, on a side, while it is drawn


@validated
class Plot(Exporter):
    """`plot.svg`, and `plot.png`, which shows how it will look.

    A stroke along a curve is drawn along its middle, every other one along its outline. What an
    opaque stroke hides is left out. Each colour is a layer, as Inkscape and plotters' programs know
    them, sorted to little travel.

    Args:
        page: `a2` to `a5`, `letter`, `tabloid`, or width and height in mm, such as `300x400`; it is
            turned to lie as the picture does.
        margin: Around the picture, in mm.
        pen: Width of a line, in mm.
        feed: Speed of drawing, in mm a minute, for the estimate of time.
        travel: Speed of the lifted pen, likewise.
        lift: Seconds for lifting and lowering it once, likewise.

    Raises:
        UserError: One of them makes no sense.
    """

    file = "plot.svg"

    def __init__(
        self,
        page: str = "a4",
        margin: NotNegative = 15.0,
        pen: Annotated[float, Ge(0.05)] = 0.5,
        feed: Positive = 2400.0,
        travel: Positive = 6000.0,
        lift: NotNegative = 0.3,
    ) -> None:
        self.page = sorted(_page(page))
        self.margin, self.pen = margin, pen
        self.feed, self.travel, self.lift = feed, travel, lift
        if 2 * margin + pen >= self.page[0]:
            raise UserError(f"`Plot.margin={margin:g}` leaves nothing of the page", "give less")

    def check(self, stroke: Stroke | None = None, strokes: Tensor | int | None = None) -> None:
        """See `Exporter.check`: strokes must have a middle or an outline."""
        if stroke is not None:
            some = limit_shape(stroke, torch.zeros(1, stroke.shape_dim))[0]
            outline(stroke.mark(some, ANY_SIZE, ANY_SIZE), "Plot")

    def write(self, folder: Path, painting: StrokeRecord) -> Path:
        """See `Exporter.write`."""
        planned, path = self.plan(painting), folder / self.file
        log.info("plot: %s", self._summary(planned))
        with atomic_write(path) as temporary:
            temporary.write_text("\n".join(self.lines(painting, planned)) + "\n", encoding="utf-8")
        write_png(path.with_suffix(".png"), self._preview(painting, planned))
        return path

    def plan(self, painting: StrokeRecord) -> Plan:
        """Return what is drawn, in mm from the page's upper left corner."""
        dim, matrix = painting.stroke.shape_dim, self._placed(painting)
        picture = box(0, 0, painting.width, painting.height)
        frame = affine_transform(picture, matrix).buffer(-self.pen / 2, join_style="mitre")
        lines: list[BaseGeometry] = []
        covers: list[BaseGeometry | None] = []
        for one in self.watched(painting.strokes, len(painting.strokes)):
            mark = painting.stroke.mark(one[:dim], painting.height, painting.width)
            area = affine_transform(outline(mark, "Plot"), matrix)
            middle = area.buffer(-self.pen / 2).boundary
            if isinstance(mark, geometry.Path):
                middle = affine_transform(LineString(mark.points), matrix)
            lines.append(middle.simplify(_ROUND * self.pen).intersection(frame))
            covers.append(area if is_opaque(mark) else None)
        seen = [*visible(lines, covers)][::-1]
        return plan(
            (to_hex(one[dim:]), np.asarray(line.coords))
            for one, shape in zip(painting.strokes, seen, strict=True)
            for line in get_parts(
                line_merge(shape) if isinstance(shape, MultiLineString) else shape
            )
            if line.length > self.pen
        )

    def lines(self, painting: StrokeRecord, planned: Plan) -> Iterator[str]:
        """Yield the file's lines, one for each line that is drawn."""
        width, height = self._turned(painting)
        yield (
            '<svg xmlns="http://www.w3.org/2000/svg" '
            'xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" '
            f'width="{width:g}mm" height="{height:g}mm" viewBox="0 0 {width:g} {height:g}">'
        )
        yield f"<desc>{self._summary(planned)}</desc>"
        for number, pen in enumerate(planned.pens, start=1):
            layer = f'inkscape:groupmode="layer" inkscape:label="{number} {pen.color}"'
            look = f'fill="none" stroke="{pen.color}" stroke-width="{self.pen:g}"'
            yield f'<g id="pen{number}" {layer} {look} stroke-linecap="round">'
            for line in pen.lines:
                points = "L".join(f"{x:.3f} {y:.3f}" for x, y in line)
                yield f'<path d="M{points}"/>'
            yield "</g>"
        yield "</svg>"

    def _preview(self, painting: StrokeRecord, planned: Plan) -> NDArray[np.uint8]:
        """Draw the page (H, W, 3) in the pens' colours."""
        width, height = self._turned(painting)
        scale = _PREVIEW * _FINE / self.page[1]
        page = Image.new("RGB", (round(width * scale), round(height * scale)), "white")
        draw = ImageDraw.Draw(page)
        thick = max(1, round(self.pen * scale))
        for pen in planned.pens:
            for line in pen.lines:
                draw.line((line * scale).ravel().tolist(), pen.color, thick, joint="curve")
        return np.asarray(page.reduce(_FINE))

    def _summary(self, planned: Plan) -> str:
        return planned.summary(planned.minutes(self.feed, self.travel, self.lift))

    def _turned(self, painting: StrokeRecord) -> tuple[float, float]:
        """Return the page's width and height, mm."""
        short, long = self.page
        return (long, short) if painting.width > painting.height else (short, long)

    def _placed(self, painting: StrokeRecord) -> list[float]:
        """Return the matrix, as shapely has it, that puts pixels into the middle of the page."""
        sides, pixels = self._turned(painting), (painting.width, painting.height)
        pairs = list(zip(sides, pixels, strict=True))
        scale = min((side - 2 * self.margin) / count for side, count in pairs)
        return [scale, 0, 0, scale, *((side - count * scale) / 2 for side, count in pairs)]


def _merged(shape: BaseGeometry) -> BaseGeometry:
    return line_merge(shape) if isinstance(shape, MultiLineString) else shape


def _page(name: str) -> tuple[float, float]:
    """Return both sides of a page, mm."""
    sides = _PAGES.get(name.lower())
    if sides is None and (given := re.fullmatch(r"(\d{1,4}(?:\.\d+)?)x(\d{1,4}(?:\.\d+)?)", name)):
        sides = float(given[1]), float(given[2])
    if sides is None or not min(sides):
        names = ", ".join(_PAGES)
        raise UserError(f"`Plot.page={name}` makes no sense", f"give {names} or mm, as in 300x400")
    return sides
