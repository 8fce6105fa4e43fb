"""Drawing one painting exactly at any size, in bounded memory: the picture, and a film's frames."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.canvas import to_array
from impasto.strokes import Stroke

# A picture is drawn in bands of rows of about this many pixels: what is kept besides its bytes.
_BAND_PIXELS = 2**18


@torch.no_grad()
def draw_picture(
    stroke: Stroke, strokes: Tensor, height: int, width: int, background: Sequence[float] | None
) -> NDArray[np.uint8]:
    """Draw a painting exactly.

    Args:
        stroke: The stroke kind.
        strokes: (N, D) in [0, 1], in painting order.
        height: Rows H.
        width: Columns W.
        background: RGB in [0, 1] of the blank canvas; None is transparent.

    Returns:
        (H, W, 3) uint8, RGB; (H, W, 4) with alpha on a transparent background.
    """
    picture = np.empty((height, width, 3 if background else 4), dtype=np.uint8)
    rows = max(1, _BAND_PIXELS // width)
    boxes = stroke.bounds(strokes[:, : stroke.shape_dim], height, width).tolist()
    for top in range(0, height, rows):
        band = blank(min(rows, height - top), width, background, strokes)
        for one, box in zip(strokes, boxes, strict=True):
            composite_stroke(stroke, one, box, band, top, height)
        picture[top : top + rows] = to_array(band if background else _unmultiplied(band))
    return picture


@torch.no_grad()
def draw_frames(
    stroke: Stroke,
    strokes: Tensor,
    height: int,
    width: int,
    background: Sequence[float],
    frames: int,
) -> Iterator[NDArray[np.uint8]]:
    """Draw the making of a painting.

    Args:
        stroke: The stroke kind.
        strokes: (N, D) in [0, 1], in painting order.
        height: Rows H.
        width: Columns W.
        background: RGB in [0, 1] of the blank canvas.
        frames: At most how many frames, at least 2.

    Yields:
        (H, W, 3) uint8: the blank canvas, states at equal distances, the finished painting.
    """
    boxes = stroke.bounds(strokes[:, : stroke.shape_dim], height, width).tolist()
    shown = set(np.linspace(0, len(strokes), min(frames, len(strokes) + 1)).round().astype(int))
    canvas = blank(height, width, background, strokes)
    for count in range(len(strokes) + 1):
        if count > 0:
            composite_stroke(stroke, strokes[count - 1], boxes[count - 1], canvas, 0, height)
        if count in shown:
            yield to_array(canvas)


@torch.no_grad()
def draw_canvas(
    stroke: Stroke,
    strokes: Tensor,
    height: int,
    width: int,
    background: Sequence[float] = (0.0, 0.0, 0.0),
) -> Tensor:
    """Draw a painting exactly, not rounded to bytes: metrics are measured on this.

    The same canvas as `impasto.rendering.draw` makes, in the time that the strokes' boxes take.

    Args:
        stroke: The stroke kind.
        strokes: (N, D) in [0, 1], in painting order.
        height: Rows H.
        width: Columns W.
        background: RGB in [0, 1] of the blank canvas.

    Returns:
        (3, H, W) in [0, 1].
    """
    canvas = blank(height, width, background, strokes)
    boxes = stroke.bounds(strokes[:, : stroke.shape_dim], height, width).tolist()
    for one, box in zip(strokes, boxes, strict=True):
        composite_stroke(stroke, one, box, canvas, 0, height)
    return canvas


def blank(rows: int, width: int, background: Sequence[float] | None, like: Tensor) -> Tensor:
    """Return rows of a blank canvas: (3, rows, W), or (4, rows, W) of premultiplied RGBA."""
    if background is None:
        return like.new_zeros(4, rows, width)
    return like.new_tensor(list(background)).view(3, 1, 1).repeat(1, rows, width)


def _unmultiplied(band: Tensor) -> Tensor:
    """Undo the premultiplication of RGBA (4, rows, W)."""
    color, alpha = band[:3], band[3:]
    return torch.cat([(color / alpha.clamp_min(1e-6)).clamp(0, 1), alpha])


def composite_stroke(
    stroke: Stroke, one: Tensor, box: Sequence[int], band: Tensor, top: int, height: int
) -> None:
    """Composite one stroke over a part of a picture, in place, inside its box.

    Args:
        stroke: The stroke kind.
        one: (D,) in [0, 1].
        box: Its `bounds` in the whole picture.
        band: Rows of the picture, (3, rows, W), or (4, rows, W) as `blank` gives them.
        top: The first of these rows.
        height: Rows H of the whole picture.
    """
    left, start, right, end = box
    start, end = max(start, top), min(end, top + band.shape[1])
    if start >= end:
        return
    shape, color = one[None, : stroke.shape_dim], one[stroke.shape_dim :]
    corner = torch.tensor([[left, start]], device=one.device)
    alpha = stroke.rasterize_windows(
        shape, height, band.shape[2], corner, end - start, right - left
    )
    window = band[:, start - top : end - top, left:right]
    if len(band) > len(color):
        color = torch.cat([color, color.new_ones(1)])  # paint is opaque
    window += alpha[0] * (color.view(-1, 1, 1) - window)
