"""Exact drawing of finished strokes at any size, for every picture and every reported metric."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.canvas import blank_canvas, composite, to_array
from impasto.strokes import Stroke

# At most so many pixels of alpha are kept, or those of one stroke of each painting.
_PIXELS = 2**20  # 4 MB
_DEVICE_PIXELS = 2**24  # on an accelerator, where a few strokes are drawn as fast as many


def draw_each(
    stroke: Stroke,
    strokes: Tensor,
    height: int,
    width: int,
    background: Sequence[float] = (0.0, 0.0, 0.0),
) -> Iterator[Tensor]:
    """Paint stroke after stroke with the exact rasterizer.

    Many strokes are rasterized at a time, as many as fit into little memory.

    Args:
        stroke: The stroke kind.
        strokes: (B, N, D) in [0, 1], in painting order.
        height: Rows H.
        width: Columns W.
        background: RGB of the blank canvas.

    Yields:
        N + 1 canvases (B, 3, H, W): the blank one, then one after each stroke.
    """
    canvas = blank_canvas(strokes.shape[0], height, width, background, strokes.device)
    yield canvas
    for alpha, color in _rasterized(stroke, strokes, height, width, stroke.rasterize):
        canvas = composite(canvas, alpha, color)
        yield canvas


@torch.no_grad()
def draw(
    stroke: Stroke,
    strokes: Tensor,
    height: int,
    width: int,
    background: Sequence[float] = (0.0, 0.0, 0.0),
    redrawn: bool = False,
) -> Tensor:
    """Draw the finished paintings of strokes (B, N, D): (B, 3, H, W).

    With `redrawn` a kind that draws with random numbers takes others: see `Stroke.redrawn`.
    """
    canvas = blank_canvas(strokes.shape[0], height, width, background, strokes.device)
    canvas = canvas.to(torch.promote_types(canvas.dtype, strokes.dtype))
    change = torch.empty_like(canvas)
    rasterize = stroke.redrawn if redrawn else stroke.rasterize
    for alpha, color in _rasterized(stroke, strokes, height, width, rasterize):
        torch.sub(color[:, :, None, None], canvas, out=change)
        canvas.addcmul_(alpha, change)
    return canvas


def _rasterized(
    stroke: Stroke,
    strokes: Tensor,
    height: int,
    width: int,
    rasterize: Callable[[Tensor, int, int], Tensor],
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield stroke by stroke, for all paintings, alpha (B, 1, H, W) and colour (B, 3)."""
    pixels = _PIXELS if strokes.device.type == "cpu" else _DEVICE_PIXELS
    together = max(1, pixels // max(1, strokes.shape[0] * height * width))
    for piece in strokes.split(together, dim=1):
        shape, color = piece.transpose(0, 1).split([stroke.shape_dim, 3], dim=2)  # (n, B, ...)
        alpha = rasterize(shape.flatten(0, 1), height, width)
        yield from zip(alpha.unflatten(0, shape.shape[:2]), color, strict=True)


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
