"""Measure what a style does to strokes: `python -m benchmarks.styles PAINTING/strokes.json …`.

`python -m benchmarks.styles --sheets OUT RUN RUN …` puts paintings of runs of `task=paint`
side by side: `make gallery`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.photographs import find_picture
from impasto.io.figures import contact_sheet, framed
from impasto.io.images import read_image, resize_image
from impasto.io.record import StrokeRecord, read_record
from impasto.metrics import as_tensor
from impasto.strokes.curves import PenStroke

SIDE = 256  # pixels on the longer side on which overlap is counted
PAINTED = 0.05  # alpha from which a stroke counts as lying on a pixel
# The photographs of the gallery, and of each the middle of what is shown in full size, x and y as
# fractions of width and height.
PHOTOGRAPHS = {
    "astronaut": (0.44, 0.22),
    "camera": (0.44, 0.26),
    "chelsea": (0.42, 0.45),
    "coffee": (0.5, 0.5),
    "rocket": (0.5, 0.6),
    "china": (0.5, 0.4),
}
SMALL, CROP = 240, 360  # pixels on a side


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


def save_sheets(out: Path, runs: Sequence[Path]) -> None:
    """Write `sheet.jpg`, paintings made small, and `crops.jpg`, parts of large ones in full size.

    A row is a photograph beside its painting in each run of `task=paint`.
    """
    sheet, crops = [], []
    for name, center in PHOTOGRAPHS.items():
        files = [run / name / "painting.png" for run in runs]
        if not files[0].is_file():
            continue
        paintings = [read_image(file) for file in files]
        size = paintings[0].shape[:2]
        pictures = [as_tensor(one) for one in (resize_image(find_picture(name), *size), *paintings)]
        sheet.append(torch.stack([framed(one, SMALL) for one in pictures]))
        if min(size) >= CROP:
            left, top = (
                int(np.clip(share * whole - CROP / 2, 0, whole - CROP))
                for share, whole in zip(center, size[::-1], strict=True)
            )
            crops.append(torch.stack(pictures)[:, :, top : top + CROP, left : left + CROP])
    out.mkdir(parents=True, exist_ok=True)
    for file, rows in (("sheet.jpg", sheet), ("crops.jpg", crops)):
        if rows:
            Image.fromarray(contact_sheet(*rows)).save(out / file, quality=80)


if __name__ == "__main__":
    if sys.argv[1] == "--sheets":
        save_sheets(Path(sys.argv[2]), [Path(run) for run in sys.argv[3:]])
        sys.exit()
    for path in sys.argv[1:]:
        record = read_record(path)
        print(
            f"{path}: length/width {length_over_width(record):.2f}, overlap {overlap(record):.0f}"
        )
