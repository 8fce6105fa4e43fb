"""Measure what a style does to strokes: `python -m benchmarks.styles PAINTING/strokes.json …`."""

import sys

import torch

from impasto.io.record import StrokeRecord, read_record
from impasto.strokes.curves import PenStroke

SIDE = 256  # pixels on the longer side on which overlap is counted
PAINTED = 0.05  # alpha from which a stroke counts as lying on a pixel


def length_over_width(record: StrokeRecord) -> float:
    """Mean over the strokes of the path's length over twice the pen's mean radius, in pixels."""
    stroke, shape = record.stroke, record.strokes[:, : record.stroke.shape_dim]
    assert isinstance(stroke, PenStroke)
    size = shape.new_tensor([record.width, record.height])
    points = stroke.curve(shape, torch.linspace(0, 1, 65)) * size
    length = (points[:, 1:] - points[:, :-1]).norm(dim=-1).sum(1)
    outlines = stroke.form(shape, record.height, record.width)
    assert outlines is not None
    radius = outlines[1][:, 6:8].mean(1)
    return float((length / (2 * radius)).mean())


def overlap(record: StrokeRecord) -> float:
    """Median over the pixels of how many strokes lie on them."""
    scale = SIDE / max(record.height, record.width)
    height, width = round(record.height * scale), round(record.width * scale)
    shape = record.strokes[:, : record.stroke.shape_dim]
    count = torch.zeros(height, width)
    for few in shape.split(64):
        count += (record.stroke.rasterize(few, height, width)[:, 0] > PAINTED).sum(0)
    return float(count.median())


if __name__ == "__main__":
    for path in sys.argv[1:]:
        record = read_record(path)
        print(
            f"{path}: length/width {length_over_width(record):.2f}, overlap {overlap(record):.0f}"
        )
