"""What strokes look like, pinned: numbers that a change of the drawing must change on purpose."""

import pytest
import torch

from impasto.strokes import (
    Bezier,
    Circle,
    Line,
    Pixel,
    Rectangle,
    Stroke,
    Triangle,
)

GOLDEN = {
    Line: (
        [0.25, 0.5, 0.75, 0.5, 0.5, 1.0, 0.5, 0.5],
        [[0.5552, 0.6666, 0.5561, 0.4457, 0.3867, 0.2832, 0.0]] * 2,
        (slice(2, 4), slice(1, 8)),
    ),
    Bezier: (
        [0.15, 0.2, 0.9, 0.1, 0.8, 0.9, 0.1, 1.0, 0.6, 0.4],
        [
            [0.0042, 0.1126, 0.0602, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000],
            [0.1006, 0.2985, 0.4583, 0.4949, 0.2729, 0.0000, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.0000, 0.1828, 0.5138, 0.3950, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.0000, 0.0000, 0.0723, 0.4882, 0.2654, 0.0000],
            [0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 0.2668, 0.4000, 0.0425],
            [0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 0.2072, 0.4000, 0.1276],
        ],
        (slice(0, 6), slice(0, 8)),
    ),
    Circle: (
        [0.4, 0.6, 0.6, 0.8],
        [[0.0957, 0.2266, 0.0], [0.5731, 0.8, 0.0957], [0.2266, 0.3798, 0.0]],
        (slice(2, 5), slice(2, 5)),
    ),
    Pixel: ([0.4, 0.6, 0.8], [[0.8, 0.8], [0.4, 0.4]], (slice(3, 5), slice(2, 4))),
    # 2 px wide and 1 px high: at an angle of 0 around (3.2, 3.6), exactly.
    Rectangle: (
        [0.4, 0.6, (2 / 6 - 1 / 128) * 2, (1 / 6 - 1 / 128) * 2, 0.0, 0.8],
        [[0.576, 0.72, 0.144], [0.064, 0.08, 0.016]],
        (slice(3, 5), slice(2, 5)),
    ),
    Triangle: (
        [0.1, 0.1, 0.9, 0.3, 0.4, 0.9, 0.8],
        [
            [0.0000, 0.2182, 0.0707, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000],
            [0.0000, 0.5789, 0.8000, 0.7096, 0.5622, 0.4147, 0.2673, 0.0000],
            [0.0000, 0.2211, 0.8000, 0.8000, 0.8000, 0.8000, 0.3584, 0.0000],
            [0.0000, 0.0000, 0.5789, 0.8000, 0.8000, 0.2989, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.2211, 0.7746, 0.2394, 0.0000, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000],
        ],
        (slice(0, 6), slice(0, 8)),
    ),
}


def test_golden_alpha(kind: Stroke) -> None:
    """On 6 rows of 8 pixels; nothing is painted outside of the part that is given."""
    if kind.name == "brush":
        pytest.skip("it depends on the picture: test_brush.py")
    shape, part, where = GOLDEN[type(kind)]
    golden = torch.zeros(6, 8, dtype=torch.float64)
    golden[where] = torch.tensor(part, dtype=torch.float64)
    alpha = kind.rasterize(torch.tensor([shape], dtype=torch.float64), 6, 8)[0, 0]
    torch.testing.assert_close(alpha, golden, atol=1e-4, rtol=0)
