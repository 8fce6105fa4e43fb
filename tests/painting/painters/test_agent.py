"""The painter that has learned."""

import pytest
import torch
from torch import Tensor, nn

from painting.environment import PaintingEnvironment
from painting.errors import UserError
from painting.painters import AgentPainter
from painting.policy import PaintingPolicy
from painting.renderers import AnalyticRenderer
from painting.strokes import Circle

SIZE, STROKES, BUNDLE = 16, 5, 2
BACKGROUND = (0.1, 0.2, 0.3)


class MeanColorActor(nn.Module):
    """Paints circles of the target's mean colour at places that change with the canvas."""

    def forward(self, observation: Tensor) -> Tensor:
        canvas, target = observation[:, 0:3], observation[:, 3:6]
        circle = torch.stack([canvas.mean((1, 2, 3)), target.mean((1, 2, 3))], dim=1)  # x and y
        size = torch.full_like(circle, 0.7)
        stroke = torch.cat([circle, size, target.mean((2, 3))], dim=1)
        return stroke.repeat(1, BUNDLE)


@pytest.fixture
def policy() -> PaintingPolicy:
    renderer = AnalyticRenderer(Circle(), SIZE)
    environment = PaintingEnvironment(renderer, STROKES, BUNDLE, BACKGROUND)
    return PaintingPolicy(MeanColorActor(), environment)


def test_paints_what_the_policy_paints(policy: PaintingPolicy) -> None:
    target = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    told: list[tuple[int, float]] = []
    painter = AgentPainter(policy)
    strokes = painter.paint(target, lambda step, decibel: told.append((step, decibel)))
    expected, canvas = policy.paint(target[None])
    assert torch.equal(strokes, expected[0])
    assert strokes.shape == (STROKES, 7)
    l2 = (canvas[0] - target).square().mean()  # the analytic renderer saw the exact canvas
    assert told == [(1, pytest.approx(float(-10 * l2.log10()), abs=1e-3))]


def test_takes_everything_from_the_policy(policy: PaintingPolicy) -> None:
    painter = AgentPainter(policy)
    assert painter.stroke is policy.stroke
    assert (painter.strokes, painter.canvas_size) == (STROKES, SIZE)
    assert tuple(painter.background) == BACKGROUND


def test_without_weights_it_says_what_to_do() -> None:
    with pytest.raises(UserError, match=r"agent\.weights is not set.*painter=optimize"):
        AgentPainter.load(None)
