"""Cost by strokes, pixels and pictures over two decades: `benchmarks.report` finds the slopes.

With cost ~ work^slope, a slope of 1 is proportional; above it something is done more often than
the work asks for.
"""

from collections.abc import Callable

import pytest
import torch

from benchmarks.conftest import Timed
from benchmarks.machine import device
from benchmarks.workbench import Workbench
from impasto.painters import OptimizePainter
from impasto.rendering import draw_canvas
from impasto.strokes import Bezier

_MANY = 100  # strokes in the paintings whose pixels grow
_STEPS = 3  # of a painter: the cost of one does not depend on how many there are
_SIDES = (48, 88, 152, 272, 480)  # whole tiles of a painter; two decades of pixels
_AMOUNTS = {
    "drawing, by strokes": (100, 300, 1000, 3000, 10_000),
    "drawing, by pixels": _SIDES,
    "painter=optimize, by strokes": (20, 60, 200, 600, 2000),
    "painter=optimize, by pixels": _SIDES,
    "painter=agent, by pictures": (1, 3, 10, 30, 100),
}


@pytest.mark.benchmark(group="growth")
@pytest.mark.parametrize("position", range(5))
@pytest.mark.parametrize("growth", _AMOUNTS)
def test_growth(
    growth: str,
    position: int,
    bench: Workbench,
    timed: Timed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Time one amount of work."""
    if position >= bench.scale.amounts:
        pytest.skip("more than --quick measures")
    amount, size = _AMOUNTS[growth][position], bench.scale.size
    strokes, side = (_MANY, amount) if growth.endswith("pixels") else (amount, size)
    if growth.startswith("drawing"):
        work = _draw(strokes, side)
    elif growth.startswith("painter=optimize"):
        work = _optimize(strokes, side)
    else:
        environment = bench.policy.environment
        monkeypatch.setattr(environment, "strokes", 2 * environment.bundle)  # all steps are alike
        target = bench.pictures(amount)
        work = lambda: bench.policy.paint(target)  # noqa: E731, one of three kinds of work
    done = amount**2 if growth.endswith("pixels") else amount
    timed(f"{growth}: {done:,}", work, slow=True, growth=growth, work_done=done)


def _draw(strokes: int, side: int) -> Callable[[], object]:
    """Return a function that draws a painting exactly."""
    stroke = Bezier()
    shape = stroke.sample(strokes, device=device())
    color = torch.rand(strokes, 3, device=device())
    painting = torch.cat([shape, color], dim=1)
    return lambda: draw_canvas(stroke, painting, side, side)


def _optimize(strokes: int, side: int) -> Callable[[], object]:
    """Return a function that takes a few gradient steps."""
    painter = OptimizePainter(Bezier(), strokes, side, steps=_STEPS)
    target = torch.rand(3, side, side, device=device())
    return lambda: painter.paint(target)
