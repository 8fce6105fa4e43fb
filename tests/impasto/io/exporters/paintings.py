"""What the tests of exporters share."""

import numpy as np
import torch
from numpy.typing import NDArray

from impasto.io.record import StrokeRecord
from impasto.rendering import draw_picture
from impasto.strokes import Stroke

BACKGROUND = (0.2, 0.4, 0.6)


def some_painting(
    stroke: Stroke,
    count: int = 40,
    width: int = 240,
    height: int = 160,
    background: tuple[float, float, float] | None = BACKGROUND,
) -> StrokeRecord:
    strokes = torch.rand(count, stroke.dim, generator=torch.Generator().manual_seed(0))
    return StrokeRecord(stroke, strokes, width, height, background)


def drawn(painting: StrokeRecord) -> NDArray[np.uint8]:
    return draw_picture(
        painting.stroke, painting.strokes, painting.height, painting.width, painting.background
    )


def psnr(found: NDArray[np.uint8], expected: NDArray[np.uint8]) -> float:
    error = np.square(found.astype(float) - expected).mean() / 255**2
    return float(-10 * np.log10(max(error, 1e-10)))
