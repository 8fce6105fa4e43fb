"""A painting as one HTML file that paints itself."""

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np

from impasto.bounds import validated
from impasto.canvas import to_hex
from impasto.errors import UserError
from impasto.io.exporters.base import STEM, Exporter
from impasto.io.images import fit_size, photo_data_uri, png_data_uri
from impasto.io.record import StrokeRecord
from impasto.persistence.atomic import atomic_write
from impasto.relief import draw_relief
from impasto.strokes import geometry
from impasto.strokes.geometry import Points

_UNIT = 100  # of a pixel: the player's UNIT
_PLACE = "/*PAINTING*/"
_RELIEF = 2048  # pixels on the longer side of that picture
_MOST_SIDE = 32_767  # pixels: Firefox's; Chrome has twice that
_MOST_PIXELS = 2**28  # Chrome's and Safari's; Firefox has more


@validated
class Html(Exporter):
    """`painting.html`: plays the strokes, with pause, a slider, speeds, and a stroke's number.

    One file that needs nothing else.

    Args:
        relief: Whether a button shows the finished painting with relief, in at most 2048 pixels.
    """

    file = f"{STEM}.html"

    def __init__(self, relief: bool = False) -> None:
        self.relief = relief

    def check_size(self, height: int, width: int) -> None:
        """See `Exporter.check_size`: browsers draw nothing on a larger canvas."""
        if max(height, width) > _MOST_SIDE or height * width > _MOST_PIXELS:
            fits = min(_MOST_SIDE, int(max(height, width) * (_MOST_PIXELS / height / width) ** 0.5))
            what = f"`Html`: no browser has a canvas of {width} x {height} pixels"
            raise UserError(what, f"give `size={fits}` or less")

    def write(self, folder: Path, painting: StrokeRecord) -> Path:
        """See `Exporter.write`."""
        path = folder / self.file
        player = files("impasto.io.exporters").joinpath("player.html").read_text(encoding="utf-8")
        content = {**_content(painting), "relief": _relief(painting) if self.relief else None}
        text = json.dumps(content, allow_nan=False, separators=(",", ":"))
        with atomic_write(path) as temporary:
            temporary.write_text(player.replace(_PLACE, text), encoding="utf-8")
        return path


def _relief(painting: StrokeRecord) -> str:
    """Return the painting with relief as a data URI."""
    height, width = fit_size(painting.height, painting.width, _RELIEF)
    return photo_data_uri(draw_relief(replace(painting, height=height, width=width)))


def _content(painting: StrokeRecord) -> dict[str, object]:
    """Return the data that player.html shows, in the form that it describes."""
    stroke, stamps = painting.stroke, list[str]()
    strokes = []
    for one in painting.strokes:
        mark = stroke.mark(one[: stroke.shape_dim], painting.height, painting.width)
        if isinstance(mark, geometry.Stamp) and not stamps:  # a kind has one brush
            stamps.append(_white(mark))
        strokes.append([to_hex(one[stroke.shape_dim :]), *_opacity(mark), *_numbers(mark)])
    background = painting.background
    return {
        "width": painting.width,
        "height": painting.height,
        "background": None if background is None else to_hex(one.new_tensor(background)),
        "stamps": stamps,
        "strokes": strokes,
    }


def _opacity(mark: geometry.Mark) -> tuple[float, float]:
    """Return a mark's opacity at its start and at its end."""
    ends = np.atleast_1d(mark.opacity)
    return round(float(ends[0]), 4), round(float(ends[-1]), 4)


def _numbers(mark: geometry.Mark) -> tuple[str, list[float]]:
    """Return the letter of the kind of mark, and its numbers."""
    if isinstance(mark, geometry.Disc):
        return "d", _units([*mark.center, mark.radius])
    if isinstance(mark, geometry.Area):
        return "a", _units(mark.corners.flatten())
    if isinstance(mark, geometry.Path):
        return "p", _units(np.column_stack([mark.points, mark.radii]).flatten())
    return "s", [*_units([*mark.center, *mark.size]), round(mark.angle, 5)]


def _units(lengths: Points | list[float]) -> list[float]:
    whole: list[float] = np.rint(np.asarray(lengths) * _UNIT).astype(int).tolist()
    return whole


def _white(stamp: geometry.Stamp) -> str:
    """Return a brush as a data URI: white paint whose alpha is the brush."""
    white = np.full((*stamp.paint.shape, 4), 255, dtype=np.uint8)
    white[..., 3] = stamp.paint
    return png_data_uri(white)
