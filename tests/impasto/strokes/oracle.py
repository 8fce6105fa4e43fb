"""The oracle: Algorithm 1 of SARA, one disc after another, in numpy."""

import numpy as np
from numpy.typing import NDArray

DISCS = 100


def algorithm_1(shape: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """One quadratic Bézier stroke as the paper draws it.

    Filled discs along the curve on a layer of twice the size, each overwriting what lies below,
    averaged down.

    Args:
        shape: (10,) in [0, 1]: x0 y0 x1 y1 x2 y2 radius0 opacity0 radius1 opacity1; the control
            point is relative to the box of the ends.
        size: Pixels on a side, n.

    Returns:
        Alpha (n, n).
    """
    x0, y0, x1, y1, x2, y2, radius0, opacity0, radius1, opacity1 = shape.tolist()
    side = 2 * size
    x1, y1 = x0 + (x2 - x0) * x1, y0 + (y2 - y0) * y1
    least, most = side / 256, side * 65 / 256  # 1 and 1 + n / 2 pixels at the paper's n = 128
    centre = np.arange(side) + 0.5
    layer = np.zeros((side, side))
    for number in range(DISCS):
        t = number / DISCS
        weights = (1 - t) ** 2, 2 * t * (1 - t), t**2
        x = side * (weights[0] * x0 + weights[1] * x1 + weights[2] * x2)
        y = side * (weights[0] * y0 + weights[1] * y1 + weights[2] * y2)
        radius = least + (most - least) * ((1 - t) * radius0 + t * radius1)
        inside = (centre - x) ** 2 + (centre[:, None] - y) ** 2 <= radius**2
        layer[inside] = (1 - t) * opacity0 + t * opacity1
    return layer.reshape(size, 2, size, 2).mean((1, 3))
