"""Palettes found in pictures, and pixel art."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from impasto.canvas import to_array, to_float
from impasto.strokes.limits import Color, check_palette, nearest


def find_palette(picture: NDArray[np.uint8], count: int) -> list[Color]:
    """Find the colours that approximate a picture's best: k-means from a median cut's start.

    Args:
        picture: (H, W, 3) uint8, RGB.
        count: How many, 1 to 256.

    Returns:
        RGB in [0, 1]; fewer if the picture has fewer colours.
    """
    quantized = Image.fromarray(picture).quantize(
        count, method=Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE
    )
    levels = quantized.getpalette() or []
    used = sorted(int(np.max(index)) for _, index in quantized.getcolors(256) or [])
    red, green, blue = (levels[channel::3] for channel in range(3))
    return [(red[i] / 255, green[i] / 255, blue[i] / 255) for i in used]


def pixelate(
    picture: NDArray[np.uint8], grid: int, palette: Sequence[Sequence[float]] | int | None = None
) -> NDArray[np.uint8]:
    """Turn a picture into pixel art.

    Args:
        picture: (H, W, 3) uint8, RGB.
        grid: Cells on the shorter side; square ones, as nearly as whole pixels and cells allow.
        palette: The only colours, RGB in [0, 1], or how many to find among the cells'; None keeps
            every cell's mean.

    Returns:
        (H, W, 3) uint8, each cell of one colour: its mean's, or the nearest of the palette.

    Raises:
        UserError: The palette makes no sense.
    """
    palette = check_palette(palette)
    height, width = picture.shape[:2]
    side = max(1.0, min(height, width) / grid)  # pixels
    size = max(1, round(height / side)), max(1, round(width / side))
    image = to_float(torch.from_numpy(picture).permute(2, 0, 1)[None])  # (1, 3, H, W)
    cells = functional.interpolate(image, size, mode="area")
    if isinstance(palette, int):
        palette = tuple(find_palette(to_array(cells[0]), palette))
    if palette is not None:
        colors = cells.new_tensor(palette)
        cells = nearest(cells.permute(0, 2, 3, 1), colors).permute(0, 3, 1, 2)
    return to_array(functional.interpolate(cells, (height, width), mode="nearest-exact")[0])
