"""How many operations a host starts, on which a GPU waits: no more than there were."""

from itertools import pairwise

import pytest
import torch

from benchmarks.counted import Counted
from benchmarks.floors import Counter
from benchmarks.workbench import QUICK
from impasto.painters import OptimizePainter, optimize
from impasto.painters.tiled_canvas import TiledCanvas
from impasto.strokes import Circle


def test_an_update_and_a_step_of_the_environment() -> None:
    counted = Counted(QUICK)
    assert counted.update.launches <= 1_210
    assert counted.steps_of(QUICK.batch).launches <= 120


def test_a_gradient_step_of_the_painter(monkeypatch: pytest.MonkeyPatch) -> None:
    """By tensor operations, as on a GPU; of every fifth step a fit of colours is a part."""
    monkeypatch.setattr(optimize, "canvas_beside", TiledCanvas)
    launches = []
    target = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    with Counter() as counter:
        painter = OptimizePainter(Circle(), 8, steps=12, tries=4, moves=0)
        painter.paint(target, lambda sketch: launches.append(counter.work.launches))
    steps = [after - before for before, after in pairwise(launches)]
    assert max(steps) <= 460
