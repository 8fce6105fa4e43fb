"""Paintings of the same targets by every variant, one row each, below the targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from impasto.errors import UserError
from impasto.io.figures import cut_sheet
from impasto.io.images import read_image, write_png
from impasto.tasks.runs.comparison.runs import Run
from impasto.tasks.runs.comparison.table import Comparison

Pictures = NDArray[np.uint8]

SHEET = "paintings.png"  # targets above paintings, as `evaluate` leaves it
_LEAST = 96  # pixels that a small picture is enlarged to
_GAP, _WHITE = 4, 255
_LINE, _FONT_SIZE = 22, 14  # pixels


@dataclass(frozen=True)
class Strip:
    """A row of pictures and what stands above it.

    Attributes:
        caption: A line of text.
        pictures: (N, size, size, 3) uint8.
    """

    caption: str
    pictures: Pictures


def save_side_by_side(path: Path, comparison: Comparison) -> list[str]:
    """Write the targets and below them each variant's paintings, of its first seed, as PNG.

    The pictures are cut out of the sheets that the runs left; nothing is painted again. Variants
    that were shown other targets, pixel by pixel, stand below a row of their own targets.

    Args:
        path: The file; not written if no run has a sheet.
        comparison: What is compared; its rows' order is kept.

    Returns:
        What to know when looking at it, a sentence each.
    """
    notes: list[str] = []
    blocks: dict[bytes, list[Strip]] = {}
    for row in comparison.rows:
        if not row.variant.finished:
            continue
        cut, missing = _first_sheet(row.variant.finished)
        if cut is None:
            notes.append(f"No paintings of {row.variant.label}: {missing}.")
            continue
        run, targets, paintings = cut
        block = blocks.setdefault(_key(targets), [Strip("targets", targets)])
        l2 = run.metric("l2")
        block.append(Strip(f"{row.variant.label}   (seed {run.seed}, L2 {l2:.5f})", paintings))
    if len(blocks) > 1:
        notes.append("Not all variants left paintings of the same targets: each set stands alone.")
    if blocks:
        write_png(path, _stack([strip for block in blocks.values() for strip in block]))
    return notes


def _first_sheet(runs: Sequence[Run]) -> tuple[tuple[Run, Pictures, Pictures] | None, str]:
    """The first run with a sheet of use, its targets and paintings; else what is wrong."""
    problem = ""
    for run in runs:
        size = run.config.get("canvas", {}).get("size")
        try:
            targets, paintings = cut_sheet(read_image(run.folder / SHEET), int(size))
        except UserError as error:
            problem = error.what
        except (ValueError, TypeError) as error:
            problem = f"{run.folder / SHEET}: {error}"
        else:
            return (run, targets, paintings), ""
    return None, problem


def _key(targets: Pictures) -> bytes:
    return repr(targets.shape).encode() + targets.tobytes()


def _stack(strips: Sequence[Strip]) -> Pictures:
    """Strips below each other, each with its caption: (height, width, 3)."""
    font = _font()
    rows = [_beside(strip.pictures) for strip in strips]
    texts = [font.getlength(strip.caption) for strip in strips]
    width = int(max(*(row.shape[1] for row in rows), *texts)) + _GAP
    page = np.full((sum(_LINE + len(row) for row in rows), width, 3), _WHITE, np.uint8)
    image = Image.fromarray(page)
    draw = ImageDraw.Draw(image)
    top = 0
    for strip, row in zip(strips, rows, strict=True):
        draw.text((0, top + 2), strip.caption, fill=(40, 40, 40), font=font)
        image.paste(Image.fromarray(row), (0, top + _LINE))
        top += _LINE + len(row)
    return np.array(image)


def _font() -> ImageFont.FreeTypeFont:
    """The one that matplotlib brings, and draws the curves' legends in: it has é and its like."""
    from matplotlib import get_data_path  # slow to import

    return ImageFont.truetype(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), _FONT_SIZE)


def _beside(pictures: Pictures) -> Pictures:
    """(N, size, size, 3) side by side, small ones enlarged, with gaps: (height, width, 3)."""
    scale = max(1, _LEAST // pictures.shape[1])
    large = pictures.repeat(scale, axis=1).repeat(scale, axis=2)
    framed = np.pad(large, ((0, 0), (0, _GAP), (0, _GAP), (0, 0)), constant_values=_WHITE)
    return np.concatenate(list(framed), axis=1)
