"""Painting as files: a kind of file is a class here and a YAML file in conf/export/."""

from impasto.io.exporters.base import Exporter
from impasto.io.exporters.film import Gif, Mp4
from impasto.io.exporters.gcode import Gcode
from impasto.io.exporters.pictures import PixelArt, Png, Relief
from impasto.io.exporters.player import Html
from impasto.io.exporters.plot import Plot
from impasto.io.exporters.svg import Svg
from impasto.io.exporters.table import Csv

__all__ = [
    "Csv",
    "Exporter",
    "Gcode",
    "Gif",
    "Html",
    "Mp4",
    "PixelArt",
    "Plot",
    "Png",
    "Relief",
    "Svg",
]
