"""Strokes drawn exactly, and a renderer that learns to draw them."""

import pytest

from benchmarks import floors
from benchmarks.conftest import Timed
from benchmarks.counted import Counted
from benchmarks.machine import device
from benchmarks.workbench import Workbench
from impasto.strokes import Bezier, Circle, Line, Stroke, Triangle

KINDS = pytest.mark.parametrize(
    "stroke", [Bezier(), Line(), Circle(), Triangle()], ids=lambda stroke: stroke.name
)


@KINDS
@pytest.mark.benchmark(group="strokes")
def test_drawn(stroke: Stroke, bench: Workbench, timed: Timed) -> None:
    """Strokes per second."""
    size, count = bench.scale.size, bench.scale.drawn
    shape = stroke.sample(count, device=device())
    floor = floors.stroke_drawn(size) * count
    what = f"{stroke.name} strokes drawn exactly"
    timed(what, lambda: stroke.rasterize(shape, size, size), count, floor)


@KINDS
@pytest.mark.benchmark(group="strokes")
def test_differentiated(stroke: Stroke, bench: Workbench, timed: Timed) -> None:
    """Strokes per second, with the gradient by their shapes."""
    size, count = bench.scale.size, bench.scale.drawn
    shape = stroke.sample(count, device=device()).requires_grad_()

    def work() -> None:
        shape.grad = None
        stroke.rasterize(shape, size, size).sum().backward()

    floor = floors.stroke_drawn(size, differentiated=True) * count
    timed(f"{stroke.name} strokes drawn and differentiated", work, count, floor)


@pytest.mark.benchmark(group="renderer")
def test_renderer_training(bench: Workbench, counted: Counted, timed: Timed) -> None:
    """Strokes per second that a neural renderer learns from, drawing included."""
    batch = bench.pretraining.batch_size
    what = f"renderer training (batch {batch}), strokes"
    timed(what, bench.renderer_step, batch, counted.renderer_step)
