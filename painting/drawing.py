"""Drawing finished strokes exactly: what every picture and every reported figure is made of."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from painting.canvas import blank_canvas, composite
from painting.strokes import Stroke


def draw_each(
    stroke: Stroke, strokes: Tensor, height: int, width: int,
    background: Sequence[float] = (0.0, 0.0, 0.0),
) -> Iterator[Tensor]:  # fmt: skip
    """Paint stroke after stroke with the exact rasterizer.

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
    for number in range(strokes.shape[1]):
        shape, color = strokes[:, number].split([stroke.shape_dim, 3], dim=1)
        canvas = composite(canvas, stroke.rasterize(shape, height, width), color)
        yield canvas


@torch.no_grad()
def draw(
    stroke: Stroke, strokes: Tensor, height: int, width: int,
    background: Sequence[float] = (0.0, 0.0, 0.0),
) -> Tensor:  # fmt: skip
    """The finished paintings of strokes (B, N, D): (B, 3, H, W)."""
    *_, canvas = draw_each(stroke, strokes, height, width, background)
    return canvas
