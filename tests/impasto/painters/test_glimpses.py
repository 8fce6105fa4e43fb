"""Episodes that begin on what the agent's painter looks at."""

import pytest
import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.painters import GlimpseStart
from impasto.renderers import AnalyticRenderer
from impasto.rl.environment import PaintingEnvironment, State
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Circle
from tests.impasto.painters.test_agent import BACKGROUND, BUNDLE, MeanColorActor

SIZE, LARGE, GLIMPSES = 16, 64, 40


def policy() -> PaintingPolicy:
    environment = PaintingEnvironment(AnalyticRenderer(Circle(), SIZE), BUNDLE, BUNDLE, BACKGROUND)
    return PaintingPolicy(MeanColorActor(), environment)


def targets(count: int = 3) -> Tensor:
    return torch.rand(count, 3, LARGE, LARGE, generator=torch.Generator().manual_seed(0))


def begin(target: Tensor, seed: int = 1, strokes: int = 30) -> State:
    return GlimpseStart(strokes, GLIMPSES)(policy(), target, torch.Generator().manual_seed(seed))


def test_glimpses_have_the_canvas_of_the_agent_and_are_new_episodes() -> None:
    target = targets()
    before = target.clone()
    state = begin(target)
    assert state.target.shape == state.canvas.shape == (GLIMPSES, 3, SIZE, SIZE)
    assert state.step.tolist() == [0] * GLIMPSES
    assert torch.equal(target, before)
    for part in (state.target, state.canvas):
        assert part.min() >= -1e-6
        assert part.max() <= 1 + 1e-6
    blank = torch.tensor(BACKGROUND).view(3, 1, 1)
    unpainted = (state.canvas - blank).abs().amax((1, 2, 3)) < 1e-6
    assert 4 <= unpainted.sum() <= GLIMPSES - 4  # a painting's first looks, and what came later


def test_a_glimpse_is_a_part_of_one_picture() -> None:
    """Pictures of one colour each: a glimpse has one of those, its channels in some order."""
    colors = torch.tensor([[0.1, 0.5, 0.8], [0.3, 0.9, 0.4]])
    state = begin(colors[:, :, None, None].expand(2, 3, LARGE, LARGE).contiguous())
    seen = state.target.sort(dim=1)[0]
    expected = colors.sort(dim=1)[0]
    for glimpse in seen:
        apart = (glimpse.flatten(1).T[:, None] - expected).abs().amax(2)  # (pixels, 2)
        assert apart.amax(0).min() < 1e-5


def test_closer_looks_are_sharp() -> None:
    """A checkerboard of two pixels is grey from afar, and black and white in small squares."""
    board = (torch.arange(LARGE)[:, None] // 2 + torch.arange(LARGE) // 2) % 2
    state = begin(board.float().expand(1, 3, LARGE, LARGE).contiguous())
    contrast = state.target.std((1, 2, 3))
    assert contrast.max() > 0.3
    assert contrast.min() < 0.05


def test_it_is_a_function_of_its_generator() -> None:
    target = targets()
    one, same, other = (begin(target, seed) for seed in (1, 1, 2))
    assert torch.equal(one.canvas, same.canvas)
    assert torch.equal(one.target, same.target)
    assert not torch.equal(one.target, other.target)


@pytest.mark.parametrize(("strokes", "glimpses"), [(0, 4), (4, 0)])
def test_nonsense_is_refused(strokes: int, glimpses: int) -> None:
    with pytest.raises(UserError, match=r"^`(strokes|glimpses)` is 0 — give"):
        GlimpseStart(strokes, glimpses)
