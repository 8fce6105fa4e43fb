"""The agent's strokes, refined."""

from dataclasses import replace

import pytest
import torch

from impasto.errors import UserError
from impasto.painters import AgentOptimizePainter, AgentPainter, Sketch
from impasto.painters.agent_proposals import AgentProposer, best_bundles, paint_regions
from impasto.painters.proposals import Proposer
from impasto.painters.regions import Region, worst_regions
from impasto.painters.tiled_canvas import TiledCanvas
from impasto.renderers import AnalyticRenderer, Renderer
from impasto.rendering import draw_canvas
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Bezier, Circle, MyPaint, Stroke
from tests.impasto.painters.test_agent import BACKGROUND, MeanColorActor

SIZE, BUNDLE = 32, 2
PALETTE = ((0.0, 0.0, 0.0), (1.0, 0.5, 0.25), (1.0, 1.0, 1.0))


def policy(stroke: Stroke, strokes: int = 4) -> PaintingPolicy:
    environment = PaintingEnvironment(AnalyticRenderer(stroke, 16), strokes, BUNDLE, BACKGROUND)
    return PaintingPolicy(MeanColorActor(), environment)


def painter(steps: int, stroke: Stroke | None = None) -> AgentOptimizePainter:
    agent = AgentPainter(policy(stroke or Circle(opaque=True)), strokes=9)
    return agent.refined(steps, work_size=SIZE, moves=0, tries=2)


def picture(height: int = SIZE, width: int = SIZE) -> torch.Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))


def proposer(target: torch.Tensor, fewest: int = 1, weight: torch.Tensor | None = None) -> Proposer:
    agent = policy(Circle())
    tiled = TiledCanvas(agent.stroke, target, BACKGROUND, weight)
    return AgentProposer(tiled, 4, 2.0, torch.Generator().manual_seed(0), agent, fewest)


def blank(target: torch.Tensor) -> torch.Tensor:
    return torch.tensor(BACKGROUND).view(3, 1, 1).expand_as(target).contiguous()


def test_strokes_stay_the_agents_kind_and_come_nearer() -> None:
    refined, told = painter(20), list[Sketch]()
    strokes = refined.paint(picture(), told.append)
    assert refined.stroke is refined.agent.stroke
    assert strokes.shape == (9, 7)
    assert [sketch.step for sketch in told] == list(range(1, 21))
    assert told[-1].step == refined.steps
    full = [sketch for sketch in told if len(sketch.strokes) == 9]
    assert told[-1].psnr > full[0].psnr + 0.3
    assert (strokes[:, 3] == 1).all()  # paint stays opaque


def test_the_same_seed_the_same_painting() -> None:
    first, second = (painter(4).paint(picture()) for _ in range(2))
    assert torch.equal(first, second)
    other = painter(4)
    other.seed = 1
    assert not torch.equal(other.paint(picture()), first)


def test_goes_on_from_given_strokes_without_the_agent() -> None:
    refined, told = painter(3), list[Sketch]()
    start = torch.rand(9, 7, generator=torch.Generator().manual_seed(1))
    start[:, 3] = 1
    refined.agent.policy.actor = torch.nn.Identity()  # it would fail
    refined.following(3).paint(picture(), told.append, start)
    assert len(told) == 3
    assert (told[0].strokes[:, :3] - start[:, :3]).abs().max() < 0.1


def test_the_same_painter_for_another_number_of_strokes() -> None:
    few = painter(3)
    more = few.with_strokes(12)
    assert (more.strokes, more.steps, more.background) == (12, 3, few.background)
    assert more.agent is few.agent
    assert more.paint(picture(SIZE, 2 * SIZE)).shape == (12, 7)
    assert few.strokes == 9


@pytest.mark.parametrize("stroke", [Circle(palette=PALETTE), Circle(max_width=0.2)])
def test_limits_of_the_agents_kind_are_kept(stroke: Stroke) -> None:
    strokes = painter(6, stroke).paint(picture())
    assert (strokes[:, :4] <= stroke.limit(torch.ones(1, 7))[:, :4]).all()
    if stroke.palette:
        assert {tuple(color) for color in strokes[:, 4:].tolist()} <= set(PALETTE)


class Flat(Renderer):
    """Of a kind whose drawing has no gradient."""

    differentiable = False

    def forward(self, shape: torch.Tensor) -> torch.Tensor:
        return shape.new_ones(len(shape), 1, self.canvas_size, self.canvas_size)


def test_a_kind_without_gradient_is_not_refined() -> None:
    environment = PaintingEnvironment(Flat(MyPaint(), 16), 4, BUNDLE, BACKGROUND)
    agent = AgentPainter(PaintingPolicy(MeanColorActor(), environment))
    with pytest.raises(UserError, match=r"`MyPaint` draws has no gradient.*`refine=0`"):
        agent.refined(10)


def test_loaded_weights_are_refined_by_so_many_steps() -> None:
    plain = AgentPainter.load("photos", Bezier(), 7)
    assert isinstance(plain, AgentPainter)
    refined = AgentPainter.load("photos", Bezier(), 7, refine=5, seed=3, tries=2)
    assert isinstance(refined, AgentOptimizePainter)
    assert (refined.strokes, refined.steps, refined.seed, refined.tries) == (7, 5, 3, 2)
    assert refined.background == plain.background


# ---- proposals


@pytest.mark.parametrize(("count", "fewest"), [(1, 1), (2, 1), (7, 1), (40, 1), (7, 8)])
def test_exactly_as_many_strokes_as_asked_for(count: int, fewest: int) -> None:
    target = picture(SIZE, 3 * SIZE // 2)
    strokes = proposer(target, fewest).propose(blank(target), count, 0.1)
    assert strokes.shape == (count, 7)
    assert ((strokes >= 0) & (strokes <= 1)).all()


def test_too_few_strokes_are_random_ones() -> None:
    target = picture()
    one = proposer(target, fewest=6)
    random = Proposer(one.tiled, 4, 2.0, torch.Generator().manual_seed(0))
    found, expected = (each.propose(blank(target), 5, 0.1) for each in (one, random))
    assert torch.equal(found, expected)


def test_what_many_steps_widen_begins_narrower() -> None:
    target = picture()
    wide = proposer(target)
    narrow = replace(wide, narrowed=0.5, generator=torch.Generator().manual_seed(0))
    found, expected = (each.propose(blank(target), BUNDLE, 0.1) for each in (narrow, wide))
    expected[:, 2] *= 0.5
    torch.testing.assert_close(found, expected)
    few, many = (painter(steps).proposer(wide.tiled, wide.generator) for steps in (59, 60))
    assert few == replace(many, policy=few.policy, narrowed=1.0)
    assert many.narrowed < 1


def test_bundles_are_the_agents_on_the_worst_square() -> None:
    """Error is left in one square of the grid only."""
    target = blank(picture())
    target[:, 8:16, 16:24] = torch.tensor([0.9, 0.8, 0.1]).view(3, 1, 1)
    one = proposer(target)
    strokes = one.propose(blank(target), BUNDLE, 8.5 / 12 / SIZE)  # squares of 8 pixels
    expected, gain = paint_regions(
        policy(Circle()), one.tiled, blank(target), [Region(16, 8, 8)], bundles=1
    )
    assert gain > 0
    torch.testing.assert_close(strokes, expected[0].clamp(0, 1))


def test_the_gain_is_that_of_the_error_by_weight() -> None:
    """On a square of the agent's own size, where nothing is resized."""
    target = picture()
    weight = torch.rand(SIZE, SIZE, generator=torch.Generator().manual_seed(3))
    agent, place = policy(Circle()), Region(8, 4, 16)
    tiled = TiledCanvas(agent.stroke, target, BACKGROUND, weight)
    strokes, gain = paint_regions(agent, tiled, blank(target), [place])
    assert strokes.shape == (1, 4, 7)
    painted = draw_canvas(agent.stroke, strokes[0], SIZE, SIZE, BACKGROUND)
    before, after = (
        place.of((canvas - target).square() * weight).mean() for canvas in (blank(target), painted)
    )
    torch.testing.assert_close(gain[0], before - after, rtol=1e-3, atol=1e-4)


def test_the_agent_goes_where_the_error_counts() -> None:
    weight = torch.full((SIZE, SIZE), 1e-6)
    weight[:, : SIZE // 2] = 2.0
    target = picture()
    strokes = proposer(target, weight=weight).propose(blank(target), 4, 1 / 24)
    assert (strokes[:, 0] < 0.5).all()


# ---- bundles chosen by what they mend


def test_bundles_are_chosen_by_what_they_mend_and_lie_apart() -> None:
    """Against every square that is looked at, drawn alone."""
    target = picture()
    tiled = TiledCanvas(Circle(), target, BACKGROUND)
    agent, canvas = policy(Circle(), BUNDLE), blank(picture())
    error = (canvas - target).square().mean(0)
    sides = (SIZE, SIZE // 2, SIZE // 4)
    squares = [at for side in sides for at in worst_regions(error, side, 8)]
    strokes, gain = paint_regions(agent, tiled, canvas, squares)
    mended = gain * torch.tensor([float(at.side**2) for at in squares])
    [best] = best_bundles(agent, tiled, canvas, 1).split(BUNDLE)
    torch.testing.assert_close(best, strokes[mended.argmax()])

    several = best_bundles(agent, tiled, canvas, 5).split(BUNDLE)
    places = [int((strokes - one).abs().sum((1, 2)).argmin()) for one in several]
    chosen = [squares[place] for place in places]
    assert int(mended.argmax()) in places
    assert all(mended[place] > 0 for place in places)
    assert [at.side for at in chosen] == sorted((at.side for at in chosen), reverse=True)
    assert not any(a.overlaps(b) for n, a in enumerate(chosen) for b in chosen[:n])


def test_where_nothing_is_left_no_bundle_is_chosen() -> None:
    target = blank(picture())
    tiled = TiledCanvas(Circle(), target, BACKGROUND)
    assert best_bundles(policy(Circle()), tiled, target, 3).shape == (0, 7)
