"""Where detail goes."""

import numpy as np
import pytest
import torch

from impasto.api import paint
from impasto.errors import UserError
from impasto.painters import OptimizePainter
from impasto.painters.weight_map import weights
from impasto.strokes import Bezier


def mask(height: int = 20, width: int = 40) -> np.ndarray:
    """White on the left, black on the right."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2] = 255
    return image


def test_white_counts_and_black_next_to_nothing() -> None:
    weight = weights(mask(), (200, 400), (8, 16))
    assert weight.shape == (8, 16)
    assert weight.mean() == pytest.approx(1)
    assert weight[0, 15] / weight[0, 0] == pytest.approx(0.03)
    gray = np.full((5, 5, 3), 70, np.uint8)
    torch.testing.assert_close(weights(gray, (9, 9), (8, 8)), torch.ones(8, 8))


def test_a_mask_of_another_shape_or_without_white_is_refused() -> None:
    weights(mask(20, 41), (20, 40), (8, 16))
    with pytest.raises(UserError, match="40 x 20 pixels, another shape than the picture's 40 x 40"):
        weights(mask(), (40, 40), (8, 8))
    with pytest.raises(UserError, match="black all over"):
        weights(np.zeros((4, 4, 3), np.uint8), (4, 4), (4, 4))


def test_paints_more_exactly_where_the_mask_is_white() -> None:
    image = np.random.default_rng(0).integers(256, size=(8, 16, 3), dtype=np.uint8)
    image = image.repeat(8, 0).repeat(8, 1)

    def left_and_right(detail: np.ndarray | None) -> tuple[float, float]:
        painter = OptimizePainter(Bezier(), 24, work_size=32, steps=40, tries=8)
        painting = paint(image, painter=painter, mask=detail)
        error = (painting.canvas - painting.target).square()
        return float(error[..., :64].mean()), float(error[..., 64:].mean())

    plain, masked = left_and_right(None), left_and_right(mask())
    # The share of the white half falls to 0.11 to 0.29 of what it was, by seed.
    assert masked[0] / masked[1] < 0.7 * plain[0] / plain[1]
