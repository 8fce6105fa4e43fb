"""Painting as files: a kind of file is a class here and a YAML file in conf/export/."""

from painting.exporters.base import Exporter
from painting.exporters.film import Gif, Mp4
from painting.exporters.pictures import PixelArt, Png
from painting.exporters.player import Html
from painting.exporters.plotter import Gcode
from painting.exporters.svg import Svg
from painting.exporters.table import Csv

__all__ = ["Csv", "Exporter", "Gcode", "Gif", "Html", "Mp4", "PixelArt", "Png", "Svg"]
