"""PSNR by strokes and by seconds, of several painters on the same pictures."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from statistics import mean

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.machine import device
from impasto.metrics import Nearness, measure, target_of
from impasto.painters import (
    AgentOptimizePainter,
    AgentPainter,
    OptimizePainter,
    Painter,
    Sketch,
)
from impasto.rendering import draw_canvas

Curve = tuple[list[float], list[float]]
"""Positions, and the mean PSNR there."""
Pictures = Sequence[NDArray[np.uint8]]


@dataclass(frozen=True)
class Entry:
    """A painter, and how its painting grows.

    Attributes:
        painter: With its budget of steps.
        patient: The same with the largest budget, for the curve by seconds.
        is_point: Which of its steps are points of that curve.
    """

    painter: Painter
    patient: Painter
    is_point: Callable[[int], bool]


def entries(
    optimize: OptimizePainter, agent: AgentPainter | None, refining: int, marks: Sequence[int]
) -> dict[str, Entry]:
    """The painters by name.

    Args:
        optimize: The one that needs no training.
        agent: The trained one; without it there is only the first.
        refining: Gradient steps of both together.
        marks: Gradient steps that are points of the curve by seconds; the last one is the budget.
    """
    longest = replace(optimize, steps=max(marks))
    painters = {"optimize": Entry(optimize, longest, lambda step: step in marks)}
    if agent is None:
        return painters
    painters["agent"] = Entry(agent, agent, lambda step: True)
    both = AgentOptimizePainter(agent, replace(optimize, steps=refining))
    first = agent.steps
    painters["agent+optimize"] = Entry(
        both,
        AgentOptimizePainter(agent, longest),
        lambda step: step <= first or step - first in marks,
    )
    return painters


def by_strokes(painter: Painter, images: Pictures, counts: Sequence[int]) -> Curve:
    """Mean PSNR over pictures (H, W, 3), each measured at its own size."""
    values = []
    for count in counts:
        of_count = painter.with_strokes(count)
        trials = (measure(of_count, image, image.shape[:2], device=device()) for image in images)
        values.append(mean(trial.nearness.psnr for trial in trials))
    return [float(count) for count in counts], values


def by_seconds(entry: Entry, images: Pictures) -> Curve:
    """Means over pictures of the time and the PSNR at each step that is kept."""
    runs = [_growth(entry, image) for image in images]
    # An agent takes more rounds for some pictures: a painting that is finished stays as it is.
    rows = zip_longest(*runs)
    last = [run[-1] for run in runs]
    points = [[point or end for point, end in zip(row, last, strict=True)] for row in rows]
    seconds = [mean(point[0] for point in row) for row in points]
    return seconds, [mean(point[1] for point in row) for row in points]


def _growth(entry: Entry, image: NDArray[np.uint8]) -> list[tuple[float, float]]:
    """Seconds and PSNR of one picture, step by step; drawing for this curve takes no time."""
    states: list[tuple[float, Tensor]] = []
    spent = 0.0

    def note(sketch: Sketch) -> None:
        nonlocal spent
        now = time.perf_counter()
        if entry.is_point(sketch.step):
            states.append((now - started - spent, sketch.strokes.cpu().clone()))
        spent += time.perf_counter() - now

    painter = entry.patient
    started = time.perf_counter()
    target = target_of(image, painter.canvas(*image.shape[:2])).to(device())
    end = painter.paint(target, note).cpu()
    states.append((time.perf_counter() - started - spent, end))
    target = target_of(image, image.shape[:2])
    return [(seconds, _psnr(painter, strokes, target)) for seconds, strokes in states]


def _psnr(painter: Painter, strokes: Tensor, target: Tensor) -> float:
    rows, columns = target.shape[1:]
    canvas = draw_canvas(painter.stroke, strokes, rows, columns, painter.background)
    return Nearness(canvas, target).psnr


def table(curves: Mapping[str, Curve], x_label: str) -> list[str]:
    """Lines of a Markdown table of curves, point by point."""
    lines = [f"| painter | {x_label} | PSNR |", "| --- | --- | --- |"]
    for name, (x, y) in curves.items():
        lines += [f"| {name} | {a:,.1f} | {b:.2f} |" for a, b in zip(x, y, strict=True)]
    return lines
