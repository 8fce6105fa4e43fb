"""``make bench-scale``: how cost grows with strokes, pixels and pictures, over two decades.

Leaves ``docs/pictures/cost.png``, and says the slopes. With cost ~ work^slope, a slope of 1 is
proportional; above it something is done more often than the work asks for.
"""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks.machine import device, machine, seconds
from benchmarks.workbench import QUICK, Scale, Workbench, default_scale
from painting.drawing import draw
from painting.figures import save_curves
from painting.painters import OptimizePainter
from painting.strokes import Bezier

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "pictures" / "cost.png"
FACTORS = (1.0, 3.1, 10.0, 31.0, 100.0)
"""Work, as multiples of the least: two decades."""
LIMIT = 1.1

_STROKES, _SIDE = 10, 48  # the least strokes, and the least pixels on a side
_MANY = 100  # strokes in the paintings whose pixels grow
_REPEATS = 3


@dataclass(frozen=True)
class Growth:
    """How the cost of one thing grows.

    Attributes:
        key: Its column of history.csv.
        what: What is done, and what there is more and more of.
        factors: Work, as multiples of the least.
        seconds: Medians.
    """

    key: str
    what: str
    factors: Sequence[float]
    seconds: Sequence[float]

    @property
    def slope(self) -> float:
        """The exponent of the power law that fits best."""
        return slope(self.factors, self.seconds)


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Least-squares slope of log y over log x; all above 0.

    >>> round(slope([1, 10, 100], [2, 20, 200]), 6)
    1.0
    """
    points = [(math.log(a), math.log(b)) for a, b in zip(x, y, strict=True)]
    middle = [sum(side) / len(points) for side in zip(*points, strict=True)]
    spread = sum((a - middle[0]) ** 2 for a, _ in points)
    return sum((a - middle[0]) * (b - middle[1]) for a, b in points) / spread


def growths(bench: Workbench, factors: Sequence[float] = FACTORS) -> Iterator[Growth]:
    """Everything that is to grow no faster than the work."""
    for key, what, work in (
        ("slope_drawn_strokes", "drawing, strokes", _draw_strokes),
        ("slope_drawn_pixels", "drawing, pixels", _draw_pixels),
        ("slope_optimized_strokes", "painter=optimize, strokes", _optimize_strokes),
        ("slope_optimized_pixels", "painter=optimize, pixels", _optimize_pixels),
        ("slope_agent_pictures", "painter=agent, pictures", _agent_pictures),
    ):
        make = work(bench)
        taken = [seconds(make(factor), _REPEATS) for factor in factors]
        yield Growth(key, what, factors, taken)


Grown = Callable[[float], Callable[[], object]]
"""From a factor to the work of that size."""


def _draw(strokes: int, side: int) -> Callable[[], object]:
    stroke = Bezier()
    shape = stroke.sample(strokes, device=device())
    color = torch.rand(strokes, 3, device=device())
    painting = torch.cat([shape, color], dim=1)[None]
    return lambda: draw(stroke, painting, side, side)


def _draw_strokes(bench: Workbench) -> Grown:
    return lambda factor: _draw(round(_STROKES * factor), bench.scale.size)


def _draw_pixels(bench: Workbench) -> Grown:
    return lambda factor: _draw(_MANY, round(_SIDE * math.sqrt(factor)))


def _optimize(strokes: int, side: int) -> Callable[[], object]:
    """Few gradient steps: what they cost does not depend on how many there are."""
    painter = OptimizePainter(Bezier(), strokes, side, steps=3)
    target = torch.rand(3, side, side, device=device())
    return lambda: painter.paint(target)


def _optimize_strokes(bench: Workbench) -> Grown:
    return lambda factor: _optimize(round(_STROKES * factor), bench.scale.size)


def _optimize_pixels(bench: Workbench) -> Grown:
    return lambda factor: _optimize(_MANY, round(_SIDE * math.sqrt(factor)))


def _agent_pictures(bench: Workbench) -> Grown:
    """Two bundles of each: a painting's steps are all alike."""
    environment = bench.policy.environment
    environment.strokes = 2 * environment.bundle

    def make(factor: float) -> Callable[[], object]:
        target = bench.pictures(round(factor))
        return lambda: bench.policy.paint(target)

    return make


def main(quick: bool = False, picture: Path = PICTURE) -> None:
    """Measure, say the slopes, and draw the curves."""
    scale: Scale = replace(QUICK, overrides=QUICK.overrides) if quick else default_scale()
    curves = {}
    factors = FACTORS[::2] if quick else FACTORS
    print(f"Measured on {machine()}.\n\n| what, by what | slope |\n| --- | --- |", flush=True)
    for growth in growths(Workbench(scale), factors):
        print(f"| {growth.what} | {growth.slope:.2f} |", flush=True)
        curves[f"{growth.what}: {growth.slope:.2f}"] = growth.seconds
    label = "work, as a multiple of the least"
    save_curves(picture, factors, curves, label, "seconds", log=True, log_x=True)
    print(f"\npicture: {picture}")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
