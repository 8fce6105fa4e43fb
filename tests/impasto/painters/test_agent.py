"""The painter that has learned."""

import pytest
import torch
from torch import Tensor, nn

from impasto.errors import UserError
from impasto.painters import AgentPainter, Sketch
from impasto.renderers import AnalyticRenderer
from impasto.rendering import draw
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Circle

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
    told: list[Sketch] = []
    painter = AgentPainter(policy)
    strokes = painter.paint(target, told.append)
    expected, canvas = policy.paint(target[None])
    assert torch.equal(strokes, expected[0])
    assert strokes.shape == (STROKES, 7)
    l2 = (canvas[0] - target).square().mean()  # the analytic renderer saw the exact canvas
    [sketch] = told
    assert (sketch.step, sketch.psnr) == (STROKES, pytest.approx(float(-10 * l2.log10()), abs=1e-3))
    assert torch.equal(sketch.strokes, strokes)


def test_takes_everything_from_the_policy(policy: PaintingPolicy) -> None:
    painter = AgentPainter(policy)
    assert painter.stroke is policy.stroke
    assert (painter.strokes, painter.canvas(100, 100)) == (STROKES, (SIZE, SIZE))
    assert tuple(painter.background) == BACKGROUND


@pytest.mark.parametrize(
    ("strokes", "height", "width", "expected"),
    [
        (5, 50, 100, (16, 32)),
        (5, 100, 50, (32, 16)),
        (200, 9, 9, (64, 64)),
        (41, 3, 3, (32, 32)),
    ],
)
def test_the_canvas_grows_with_the_strokes(
    policy: PaintingPolicy, strokes: int, height: int, width: int, expected: tuple[int, int]
) -> None:
    assert AgentPainter(policy, strokes).canvas(height, width) == expected


@pytest.mark.parametrize("strokes", [1, 3, 5, 17, 60])
def test_exactly_as_many_strokes_as_asked_for(policy: PaintingPolicy, strokes: int) -> None:
    target = torch.rand(3, 2 * SIZE, 3 * SIZE, generator=torch.Generator().manual_seed(0))
    told: list[int] = []
    found = AgentPainter(policy, strokes).paint(target, lambda sketch: told.append(sketch.step))
    assert found.shape == (strokes, 7)
    assert told[-1] == strokes
    assert told == sorted(set(told))


def test_a_perfect_painting_still_ends(policy: PaintingPolicy) -> None:
    blank = torch.tensor(BACKGROUND).view(3, 1, 1).expand(3, SIZE, SIZE).contiguous()
    assert len(AgentPainter(policy, 12).paint(blank)) == 12


def test_what_is_worth_least_is_left_out(
    policy: PaintingPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of as many as are painted, the painting keeps some in their order, and the better ones."""
    target = torch.rand(3, 2 * SIZE, 2 * SIZE, generator=torch.Generator().manual_seed(0))
    pruned = AgentPainter(policy, 20).paint(target)
    monkeypatch.setattr("impasto.painters.agent._OVERSHOOT", 1.0)
    every = AgentPainter(policy, 35).paint(target)
    rest = iter(every.tolist())
    assert all(stroke in rest for stroke in pruned.tolist())  # in their order
    canvases = (
        draw(policy.stroke, kept[None], *target.shape[1:], BACKGROUND)[0]
        for kept in (pruned, every[:20])
    )
    of_pruned, of_first = ((canvas - target).square().mean() for canvas in canvases)
    assert of_pruned < of_first


def test_strokes_of_regions_are_where_the_agent_laid_them(policy: PaintingPolicy) -> None:
    """Two squares side by side, each painted as it would be alone."""
    target = torch.rand(3, SIZE, 2 * SIZE, generator=torch.Generator().manual_seed(0))
    strokes = AgentPainter(policy, 2 * STROKES).paint(target)
    canvas = draw(policy.stroke, strokes[None], SIZE, 2 * SIZE, BACKGROUND)[0]
    for number in range(2):
        half = slice(number * SIZE, (number + 1) * SIZE)
        alone = policy.paint(target[None, :, :, half])[0][0]
        moved = strokes[number * STROKES : (number + 1) * STROKES]
        assert torch.allclose(moved[:, 0] * 2 - number, alone[:, 0], atol=1e-6)
        assert torch.allclose(moved[:, 1:], alone[:, 1:], atol=1e-6)
    assert canvas.shape == (3, SIZE, 2 * SIZE)


def test_without_weights_it_says_what_to_do() -> None:
    with pytest.raises(UserError, match=r"`weights` is not set.*`OptimizePainter`"):
        AgentPainter.load(None)
