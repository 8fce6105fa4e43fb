"""Strokes drawn exactly, and a renderer that learns to draw them."""

from collections.abc import Iterator

import torch

from benchmarks import floors
from benchmarks.machine import device
from benchmarks.registry import Result, measures, rate
from benchmarks.workbench import Workbench
from impasto.strokes import Bezier, Circle, Line, Stroke, Triangle

KINDS: tuple[type[Stroke], ...] = (Bezier, Line, Circle, Triangle)


@measures("strokes")
def drawn(bench: Workbench) -> Iterator[Result]:
    """Strokes per second, drawn and differentiated."""
    for kind in KINDS:
        yield from _kind(bench, kind())


def _kind(bench: Workbench, stroke: Stroke) -> Iterator[Result]:
    size, count = bench.scale.size, bench.scale.drawn
    shape = stroke.sample(count, device=device())
    seconds = bench.seconds(lambda: stroke.rasterize(shape, size, size))
    floor = bench.floor(floors.stroke_drawn(size))
    yield rate(
        f"{stroke.name}_drawn", f"{stroke.name} strokes drawn exactly", seconds, count, floor
    )
    seconds = bench.seconds(lambda: _differentiate(stroke, shape, size))
    floor = bench.floor(floors.stroke_drawn(size, differentiated=True))
    what = f"{stroke.name} strokes drawn and differentiated"
    yield rate(f"{stroke.name}_differentiated", what, seconds, count, floor)


def _differentiate(stroke: Stroke, shape: torch.Tensor, size: int) -> None:
    shape = shape.detach().requires_grad_()
    stroke.rasterize(shape, size, size).sum().backward()


@measures("renderer")
def renderer_training(bench: Workbench) -> Iterator[Result]:
    """Strokes per second that a neural renderer learns from, drawing included."""
    batch = bench.pretraining.batch_size
    floor = bench.floor(bench.counted.renderer_step) / batch
    what = f"renderer training (batch {batch}), strokes"
    yield rate("renderer_training", what, bench.seconds(bench.renderer_step), batch, floor)
