"""A painting as one picture: PNG, pixel art, and with relief."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le

from impasto.bounds import NotNegative, validated
from impasto.io.exporters.base import STEM, Exporter
from impasto.io.images import write_png
from impasto.io.palette import pixelate
from impasto.io.record import StrokeRecord
from impasto.relief import Look, draw_relief
from impasto.runtime.memory import check_export

_BYTES, _BAND = 8, 2**28  # a pixel of a relief, and once for it
_PIXEL = 40  # bytes a pixel of the painting while pixel art is made of it


class Png(Exporter):
    """`painting.png`, with an alpha channel where the painting's background is transparent."""

    file = f"{STEM}.png"

    def write(self, folder: Path, painting: StrokeRecord) -> Path:
        """See `Exporter.write`."""
        path = folder / self.file
        write_png(path, painting.draw())
        return path


@validated
class PixelArt(Exporter):
    """`pixel.png`: the painting as pixel art.

    A stroke kind with a grid or a palette of its own has these instead.

    Args:
        grid: Cells on the shorter side.
        colors: How many colours, found in the painting.
    """

    file = "pixel.png"

    def __init__(
        self,
        grid: Annotated[int, Ge(1), Le(4096)] = 48,
        colors: Annotated[int, Ge(1), Le(256)] = 16,
    ) -> None:
        self.grid, self.colors = grid, colors

    def check_size(self, height: int, width: int) -> None:
        """See `Exporter.check_size`: the whole picture is averaged as floats."""
        check_export("PixelArt", height * width * _PIXEL, "size")

    def write(self, folder: Path, painting: StrokeRecord) -> Path:
        """See `Exporter.write`."""
        stroke = painting.stroke
        picture = replace(painting, background=painting.ground).draw()
        grid = stroke.options().get("grid", self.grid)
        path = folder / self.file
        write_png(path, pixelate(picture, grid, stroke.palette or self.colors))
        return path


@validated
class Relief(Exporter):
    """`relief.png`: the painting in paint that is thick, with the bristles' grooves, and lit.

    The arguments are those of `Look`.
    """

    file = "relief.png"

    def __init__(
        self,
        thickness: NotNegative = 1.0,
        bristle: Annotated[float, Ge(0.25), Le(16)] = 1.0,
        light: float = 225.0,
        gloss: Annotated[float, Ge(0), Le(1)] = 0.25,
    ) -> None:
        self.look = Look(thickness, bristle, light, gloss)

    def check_size(self, height: int, width: int) -> None:
        """See `Exporter.check_size`: the picture, and a band of floats."""
        check_export("Relief", height * width * _BYTES + _BAND, "size")

    def write(self, folder: Path, painting: StrokeRecord) -> Path:
        """See `Exporter.write`."""
        path = folder / self.file
        write_png(path, draw_relief(painting, self.look))
        return path
