"""Antialiased coverage of discs and triangles, and drawing in pieces.

Shapes in comments: N strokes, H rows, W columns. Lengths are pixels; the centre of pixel
``(row, column)`` is at ``x = column + 0.5, y = row + 0.5``. Coverage is in [0, 1]: 1 where it
covers the whole pixel, falling linearly to 0 over the one pixel that an edge passes through.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

# Intermediate maps of about this many pixels stay in a core's cache and still feed all threads.
_CHUNK_PIXELS = 2**17
# On an accelerator, where starting an operation costs more than it does on so few pixels: 64 MB.
_DEVICE_CHUNK_PIXELS = 2**24
# Above this many saved values (about 0.5 GB in float32) a backward pass draws again instead.
_SAVED_VALUES = 2**27
# A pen thinner than one pixel is drawn one pixel wide and fainter, so that a stroke keeps its ink
# (and its gradient) at every canvas size.
THINNEST = 0.5


def pixel_centers(height: int, width: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pixel centres: x (W,) and y (H,), in pixels, with `like`'s dtype and device."""
    x = torch.arange(width, dtype=like.dtype, device=like.device) + 0.5
    y = torch.arange(height, dtype=like.dtype, device=like.device) + 0.5
    return x, y


def in_chunks(draw: Callable[..., Tensor], count: int, cost: int, *inputs: Tensor) -> Tensor:
    """Draw a batch in bounded memory, in pieces that fit into the cache or fill an accelerator.

    Args:
        draw: Maps slices of `inputs` along dimension 0 to (n, H, W).
        count: Pixels per stroke, H * W.
        cost: Maps of (H, W) that one stroke's backward pass would keep.
        inputs: Tensors of N rows each.

    Returns:
        ``draw(*inputs)``, (N, H, W).
    """
    total = inputs[0].shape[0]
    pixels = _CHUNK_PIXELS if inputs[0].device.type == "cpu" else _DEVICE_CHUNK_PIXELS
    rows = max(1, pixels // count)
    if total <= rows:
        return draw(*inputs)
    needs_grad = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs)
    redraw = needs_grad and total * count * cost > _SAVED_VALUES
    pieces = []
    for chunk in zip(*(tensor.split(rows) for tensor in inputs), strict=True):
        if redraw:
            piece = checkpoint(draw, *chunk, use_reentrant=False, preserve_rng_state=False)
            pieces.append(piece)
        else:
            pieces.append(draw(*chunk))
    return torch.cat(pieces)


def disc_coverage(center: Tensor, radius: Tensor, height: int, width: int) -> Tensor:
    """Return the coverage of discs.

    Args:
        center: (N, 2), x and y in pixels.
        radius: (N,), pixels.
        height: Rows H.
        width: Columns W.

    Returns:
        (N, H, W) in [0, 1].
    """
    x, y = pixel_centers(height, width, center)
    dx = x - center[:, 0, None]  # (N, W)
    dy = y - center[:, 1, None]  # (N, H)
    distance = (dx.square()[:, None, :] + dy.square()[:, :, None] + 1e-9).sqrt()
    drawn = radius.clamp_min(THINNEST)
    ink = (radius / drawn).square()
    return (drawn[:, None, None] + 0.5 - distance).clamp(0, 1) * ink[:, None, None]


def triangle_coverage(corners: Tensor, height: int, width: int) -> Tensor:
    """Return the coverage of triangles.

    The sum of the three edges' half-plane coverages less 2 is exact along an edge and for a sliver,
    and a little low in the pixel at a sharp corner.

    Args:
        corners: (N, 3, 2), x and y in pixels, in either orientation.
        height: Rows H.
        width: Columns W.

    Returns:
        (N, H, W) in [0, 1].
    """
    x, y = pixel_centers(height, width, corners)
    inward_x, inward_y = inward_normals(corners).unbind(2)  # (N, 3)

    def draw(corners: Tensor, inward_x: Tensor, inward_y: Tensor) -> Tensor:
        total: Tensor | None = None
        for k in range(3):
            across = (x - corners[:, k, 0, None]) * inward_x[:, k, None]  # (n, W)
            down = (y - corners[:, k, 1, None]) * inward_y[:, k, None]  # (n, H)
            inside = (across[:, None, :] + down[:, :, None] + 0.5).clamp(0, 1)
            total = inside if total is None else total + inside
        assert total is not None
        return (total - 2).clamp_min(0)

    return in_chunks(draw, height * width, 8, corners, inward_x, inward_y)


def inward_normals(corners: Tensor) -> Tensor:
    """Return the unit normals (N, 3, 2) of the sides of triangles (N, 3, 2), to their insides."""
    edge = corners.roll(-1, dims=1) - corners  # (N, 3, 2)
    length = (edge.square().sum(-1) + 1e-9).sqrt()
    doubled_area = edge[:, 0, 0] * edge[:, 1, 1] - edge[:, 0, 1] * edge[:, 1, 0]  # (N,)
    side = torch.where(doubled_area < 0, -1.0, 1.0)[:, None].to(corners.dtype)
    return torch.stack([-edge[..., 1] / length * side, edge[..., 0] / length * side], dim=2)


def rectangle_coverage(
    center: Tensor, size: Tensor, angle: Tensor, height: int, width: int
) -> Tensor:
    """Return the coverage of rectangles.

    The product of what a pixel's shadow on each side covers of it. The shadow of a pixel on a line
    at an angle is |cos| + |sin| long, so that no pixel's paint is lost between two. Exact where the
    sides run along the pixels', thin ones included; linear across a slanting edge.

    Args:
        center: (N, 2), x and y in pixels.
        size: (N, 2), the side along the angle and the one across, in pixels.
        angle: (N,), radians clockwise from +x.
        height: Rows H.
        width: Columns W.

    Returns:
        (N, H, W) in [0, 1].
    """
    x, y = pixel_centers(height, width, center)

    def draw(center: Tensor, size: Tensor, angle: Tensor) -> Tensor:
        dx = x - center[:, 0, None]  # (n, W)
        dy = y - center[:, 1, None]  # (n, H)
        cosine, sine = angle.cos()[:, None], angle.sin()[:, None]
        along = (cosine * dx)[:, None, :] + (sine * dy)[:, :, None]  # (n, H, W)
        across = (cosine * dy)[:, :, None] - (sine * dx)[:, None, :]
        half = (size / 2)[:, :, None, None]
        shadow = (cosine.abs() + sine.abs())[..., None]
        return _overlap(along, half[:, 0], shadow) * _overlap(across, half[:, 1], shadow)

    return in_chunks(draw, height * width, 10, center, size, angle)


def _overlap(position: Tensor, half: Tensor, length: Tensor) -> Tensor:
    """Return the share of an interval around a position that lies within `half` of 0."""
    start = torch.maximum(position - length / 2, -half)
    end = torch.minimum(position + length / 2, half)
    return (end - start).clamp_min(0) / length
