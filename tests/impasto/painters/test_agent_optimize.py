"""The painter of two."""

import torch

from impasto.painters import AgentOptimizePainter, AgentPainter, OptimizePainter, Sketch
from impasto.renderers import AnalyticRenderer
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Bezier, Circle
from tests.impasto.painters.test_agent import BACKGROUND, MeanColorActor

SIZE = 32


def painter(steps: int) -> AgentOptimizePainter:
    environment = PaintingEnvironment(AnalyticRenderer(Circle(opaque=True), 16), 4, 2, BACKGROUND)
    proposer = AgentPainter(PaintingPolicy(MeanColorActor(), environment), strokes=9)
    refiner = OptimizePainter(
        Bezier(), strokes=9, work_size=SIZE, background=BACKGROUND, steps=steps, moves=0, tries=2
    )
    return AgentOptimizePainter(proposer, refiner)


def picture() -> torch.Tensor:
    return torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def test_refines_what_the_agent_proposes() -> None:
    both, told = painter(20), list[Sketch]()
    strokes = both.paint(picture(), told.append)
    assert both.stroke is both.proposer.stroke
    assert strokes.shape == (9, 7)
    assert [sketch.step for sketch in told][-21:] == [9, *range(10, 30)]
    assert told[-1].step == both.steps
    proposed = told[-21]
    assert told[-1].psnr > proposed.psnr + 0.3
    moved = (strokes - proposed.strokes).abs()
    assert moved.amax(0)[[0, 1, 2]].min() > 0.01  # places and sizes; paint stays opaque
    assert (strokes[:, 3] == 1).all()
    assert moved.amax(0)[4:].min() > 0.001  # colours


def test_goes_on_from_given_strokes_without_the_agent() -> None:
    both, told = painter(3), list[Sketch]()
    start = torch.rand(9, 7, generator=torch.Generator().manual_seed(1))
    start[:, 3] = 1
    both.paint(picture(), told.append, start)
    assert len(told) == 3
    assert (told[0].strokes[:, :3] - start[:, :3]).abs().max() < 0.1


def test_the_same_painter_for_another_number_of_strokes() -> None:
    both = painter(3)
    more = both.with_strokes(12)
    assert (more.strokes, more.proposer.strokes, more.refiner.strokes) == (12, 12, 12)
    assert more.proposer.policy is both.proposer.policy
    assert (more.steps, more.background) == (12 + 3, both.background)
    assert more.paint(picture()).shape == (12, 7)
    assert (both.strokes, both.refiner.strokes) == (9, 9)
