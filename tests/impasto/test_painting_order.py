"""An order for films: another one, of the same picture."""

import numpy as np
import pytest
import torch

from impasto.painting_order import painting_order
from impasto.rendering import draw_picture
from impasto.strokes import Bezier, Circle, Stroke
from tests.impasto.io.exporters.paintings import some_painting
from tests.impasto.strokes.kinds import KINDS

H, W = 96, 144


def small(stroke: Stroke, count: int) -> torch.Tensor:
    """Strokes of which many don't meet, small ones first."""
    shape = stroke.sample(count, torch.Generator().manual_seed(3))
    for column, name in enumerate(stroke.parameters):
        if name.startswith(("radius", "size", "width", "height")):
            shape[:, column] *= 0.1
        if name[0] in "xy" and name[1:] in ("1", "2") and name not in stroke.relative:
            shape[:, column] = shape[:, column - 2] + 0.1 * shape[:, column]
    colors = torch.rand(count, 3, generator=torch.Generator().manual_seed(4))
    return torch.cat([shape, colors], dim=1)


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_the_picture_is_the_same(stroke: Stroke) -> None:
    for strokes in (small(stroke, 60), some_painting(stroke, count=30).strokes):
        order = painting_order(stroke, strokes, H, W)
        assert torch.equal(order.sort().values, torch.arange(len(strokes)))
        before = draw_picture(stroke, strokes, H, W, (0.2, 0.4, 0.6))
        after = draw_picture(stroke, strokes[order], H, W, (0.2, 0.4, 0.6))
        assert np.abs(before.astype(int) - after).max() <= 1


def test_large_ones_come_first_and_near_ones_next() -> None:
    """Small circles at 0.1, 0.9, 0.2 and 0.8 of the width, then a large one apart from them."""
    strokes = torch.tensor([[x, 0.1, 0.02, 1, 1, 1, 1] for x in (0.1, 0.9, 0.2, 0.8)])
    large = torch.tensor([[0.35, 0.7, 0.4, 1, 1, 1, 1]])
    order = painting_order(Circle(), torch.cat([strokes, large]), H, W)
    assert order.tolist() == [4, 2, 0, 3, 1]


def test_what_lies_over_another_stays_over_it() -> None:
    strokes = torch.tensor([[0.5, 0.5, 0.1, 1, 1, 0, 0], [0.5, 0.5, 0.9, 1, 0, 1, 0]])
    assert painting_order(Circle(), strokes, H, W).tolist() == [0, 1]
    assert painting_order(Bezier(), torch.rand(0, 13), H, W).tolist() == []
