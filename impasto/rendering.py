"""Exact drawing of finished strokes, for every picture and every reported metric."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from impasto.canvas import blank_canvas, composite
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
