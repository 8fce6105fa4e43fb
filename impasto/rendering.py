"""Exact drawing of finished strokes at any size, for every picture and every reported metric.

A batch of small canvases is drawn whole, many strokes at a time (`draw`, `draw_each`). Of one
painting, which may be large, only the box of each stroke is drawn, in place (`states`), and its
picture band by band.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.canvas import blank_canvas, to_array
from impasto.compositing import composite, composite_rows, whole_canvases
from impasto.strokes import COLOR_DIM, Stroke
from impasto.strokes.raster.frame import Windows

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
    for alpha, color in _rasterized(stroke, strokes, height, width):
        for one, paint in zip(alpha, color, strict=True):
            canvas = composite(canvas, one, paint)
            yield canvas


@torch.no_grad()
def draw(
    stroke: Stroke,
    strokes: Tensor,
    height: int,
    width: int,
    background: Sequence[float] = (0.0, 0.0, 0.0),
) -> Tensor:
    """Draw the finished paintings of strokes (B, N, D): (B, 3, H, W)."""
    canvas = blank_canvas(strokes.shape[0], height, width, background, strokes.device)
    canvas = canvas.to(torch.promote_types(canvas.dtype, strokes.dtype))
    for alpha, color in _rasterized(stroke, strokes, height, width):
        tiling = whole_canvases(alpha.shape[0], alpha.shape[1], alpha.device)
        canvas = composite_rows(canvas, alpha.flatten(0, 1), color.flatten(0, 1), tiling)
    return canvas


def _rasterized(
    stroke: Stroke, strokes: Tensor, height: int, width: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield alpha (n, B, 1, H, W) and colour (n, B, 3) of the next n strokes of all paintings."""
    pixels = _PIXELS if strokes.device.type == "cpu" else _DEVICE_PIXELS
    together = max(1, pixels // max(1, strokes.shape[0] * height * width))
    for piece in strokes.split(together, dim=1):
        shape, color = piece.transpose(0, 1).split([stroke.shape_dim, COLOR_DIM], dim=2)
        alpha = stroke.rasterize(shape.flatten(0, 1), height, width)
        yield alpha.unflatten(0, shape.shape[:2]), color


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
    top = 0
    for band in _bands(stroke, strokes, height, width, background):
        picture[top : top + band.shape[1]] = to_array(band if background else unmultiplied(band))
        top += band.shape[1]
    return picture


def _bands(
    stroke: Stroke, strokes: Tensor, height: int, width: int, background: Sequence[float] | None
) -> Iterator[Tensor]:
    """Yield a finished painting band by band, (3 or 4, rows, W) as `blank` gives them."""
    if by_loops(stroke, strokes):
        from impasto.strokes.tile_rows import painted_bands  # importing numba takes half a second

        color = (0.0,) * 4 if background is None else background
        yield from painted_bands(stroke, strokes, height, width, color, _BAND_PIXELS)
        return
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        band = blank(min(rows, height - top), width, background, strokes)
        *_, band = states(stroke, strokes, band, height, top)
        yield band


def by_loops(stroke: Stroke, strokes: Tensor) -> bool:
    """Return True if compiled loops draw these strokes (N, D)."""
    return stroke.has_form and strokes.device.type == "cpu" and strokes.dtype == torch.float32


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
    count = min(frames, len(strokes) + 1)
    shown = np.linspace(0, len(strokes), count).round().astype(int).tolist()
    if by_loops(stroke, strokes):
        from impasto.strokes.tile_rows import painted_states  # importing numba takes half a second

        for state in painted_states(stroke, strokes, height, width, background, shown):
            yield to_array(state)
        return
    canvas = blank(height, width, background, strokes)
    for number, state in enumerate(states(stroke, strokes, canvas, height)):
        if number in shown:
            yield to_array(state)


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
    return torch.cat(list(_bands(stroke, strokes, height, width, background)), dim=1)


def blank(rows: int, width: int, background: Sequence[float] | None, like: Tensor) -> Tensor:
    """Return rows of a blank canvas: (3, rows, W), or (4, rows, W) of premultiplied RGBA."""
    if background is None:
        return like.new_zeros(4, rows, width)
    return like.new_tensor(list(background)).view(3, 1, 1).repeat(1, rows, width)


def unmultiplied(band: Tensor) -> Tensor:
    """Undo the premultiplication of RGBA (4, rows, W)."""
    color, alpha = band[:3], band[3:]
    return torch.cat([(color / alpha.clamp_min(1e-6)).clamp(0, 1), alpha])


@torch.no_grad()
def states(
    stroke: Stroke, strokes: Tensor, canvas: Tensor, height: int, top: int = 0
) -> Iterator[Tensor]:
    """Paint one stroke after another over a picture, or over a band of its rows, in place.

    Args:
        stroke: The stroke kind.
        strokes: (N, D) in [0, 1], in painting order.
        canvas: Rows of the picture, (3, rows, W), or (4, rows, W) as `blank` gives them.
        height: Rows H of the whole picture.
        top: The first of these rows.

    Yields:
        N + 1 times the same canvas: as it is given, then with one more stroke.
    """
    yield canvas
    shapes, colors = strokes.split([stroke.shape_dim, COLOR_DIM], dim=1)
    if len(canvas) > COLOR_DIM:  # paint is opaque
        colors = torch.cat([colors, colors.new_ones(len(colors), 1)], dim=1)
    patches = rasterize_boxes(stroke, shapes, height, canvas.shape[2], top, top + canvas.shape[1])
    for (rows, columns, alpha), color in zip(patches, colors, strict=True):
        window = canvas[:, rows.start - top : rows.stop - top, columns]
        window += alpha * (color[:, None, None] - window)
        yield canvas


def rasterize_boxes(
    stroke: Stroke, shapes: Tensor, height: int, width: int, top: int = 0, bottom: int | None = None
) -> Iterator[tuple[slice, slice, Tensor]]:
    """Draw each shape inside its box.

    Args:
        stroke: The stroke kind.
        shapes: (N, S) in [0, 1].
        height: Rows H of the picture.
        width: Columns W.
        top: The first of the rows that are drawn.
        bottom: One past the last of them; all by default.

    Yields:
        Rows and columns of the picture, and alpha (1, rows, columns) of a shape there; outside it
        is 0. No rows where it lies above or below those that are drawn.
    """
    bottom = height if bottom is None else bottom
    boxes = stroke.outlines(shapes.detach(), height, width).bounds().tolist()
    for number, (left, start, right, end) in enumerate(boxes):
        start, end = max(start, top), min(end, bottom)
        if start >= end:
            yield slice(top, top), slice(left, right), shapes.new_zeros(1, 0, right - left)
            continue
        corner = torch.tensor([[left, start]], device=shapes.device)
        windows = Windows(end - start, right - left, None, corner)
        alpha = stroke.outlines(shapes[number : number + 1], height, width).draw(windows)
        yield slice(start, end), slice(left, right), alpha
