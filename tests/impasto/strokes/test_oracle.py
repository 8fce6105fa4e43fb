"""The exact rasterizer against the paper's Algorithm 1."""

import numpy as np
import pytest
import torch

from impasto.strokes import Bezier
from tests.impasto.strokes.oracle import algorithm_1

LIMIT = 1.5e-3


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_bezier_is_algorithm_1(count: int) -> None:
    shape = Bezier().sample(count, torch.Generator().manual_seed(1)).double()
    drawn = torch.cat([Bezier().rasterize(part, 128, 128) for part in shape.split(100)])
    drawn = drawn.squeeze(1).numpy()
    errors = np.array(
        [
            np.square(alpha - algorithm_1(vector, 128)).mean()
            for alpha, vector in zip(drawn, shape.numpy(), strict=True)
        ]
    )
    print(f"mean squared difference to Algorithm 1 over {count} strokes: {errors.mean():.2e}")
    assert errors.mean() <= LIMIT
    assert np.median(errors) <= LIMIT / 2
    assert errors.max() <= 2e-2  # no stroke is drawn as another


def test_the_oracle_itself() -> None:
    # One opaque dot: a disc of Algorithm 1's smallest and of its largest radius.
    dot = np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.0, 1.0, 0.0, 1.0])
    assert algorithm_1(dot, 128).sum() == 1  # four pixels of the layer, one of the canvas
    dot[[6, 8]] = 1
    area = algorithm_1(dot, 128).sum()
    assert area == pytest.approx(np.pi * 32.5**2, rel=2e-3)
    # From left to right, an opacity that falls from 1 to 0.
    line = np.array([0.1, 0.5, 0.5, 0.5, 0.9, 0.5, 0.1, 1.0, 0.1, 0.0])
    alpha = algorithm_1(line, 64)
    assert alpha[32, 8] > 0.9
    assert alpha[32, 56] < 0.2
    assert alpha[8, 32] == 0
