"""``make bench-scale``: how cost grows with strokes, pixels and pictures, over two decades.

Leaves ``docs/pictures/cost.png``, and says the slopes. With cost ~ work^slope, a slope of 1 is
proportional; above it something is done more often than the work asks for.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression

import torch

from benchmarks.machine import device, machine, seconds
from benchmarks.sizes import Scale, default_scale
from benchmarks.workbench import Workbench
from impasto.io.figures import save_curves
from impasto.painters import OptimizePainter
from impasto.rendering import draw_canvas
from impasto.strokes import Bezier

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "pictures" / "cost.png"
LIMIT = 1.1

_STROKES = (100, 300, 1000, 3000, 10_000)  # two decades
_FEWER = (20, 60, 200, 600, 2000)
_SIDES = (48, 88, 152, 272, 480)  # whole tiles of a painter; two decades of pixels
_PICTURES = (1, 3, 10, 30, 100)
_MANY = 100  # strokes in the paintings whose pixels grow
_STEPS = 3  # of a painter: the cost of one does not depend on how many there are
_REPEATS = 3


@dataclass(frozen=True)
class Growth:
    """Growth of the cost of one operation.

    Attributes:
        key: Column of history.csv.
        what: Name of the operation, and of what there is more and more of.
        work: Amounts of it: strokes, pixels or pictures.
        seconds: Median time for each amount.
    """

    key: str
    what: str
    work: Sequence[float]
    seconds: Sequence[float]

    @property
    def slope(self) -> float:
        """Exponent of the power law that fits best."""
        return slope(self.work, self.seconds)

    @property
    def late(self) -> float:
        """Slope of the larger half alone, where the constant cost of a call weighs less."""
        half = len(self.work) // 2
        return slope(self.work[half:], self.seconds[half:])


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Least-squares slope of log y over log x; all above 0.

    >>> round(slope([1, 10, 100], [2, 20, 200]), 6)
    1.0
    """
    logs_x, logs_y = ([math.log(value) for value in values] for values in (x, y))
    return linear_regression(logs_x, logs_y).slope


Make = Callable[[int], Callable[[], object]]
"""From an amount to the work of that amount."""


def growths(bench: Workbench) -> Iterator[Growth]:
    """Measure everything whose cost is to grow no faster than the work."""
    size = bench.scale.size
    kinds: tuple[tuple[str, Make, Sequence[int]], ...] = (
        ("drawing, by strokes", lambda n: _draw(n, size), _STROKES),
        ("drawing, by pixels", lambda n: _draw(_MANY, n), _SIDES),
        ("painter=optimize, by strokes", lambda n: _optimize(n, size), _FEWER),
        ("painter=optimize, by pixels", lambda n: _optimize(_MANY, n), _SIDES),
        ("painter=agent, by pictures", lambda n: _paint(bench, n), _PICTURES),
    )
    for what, make, amounts in kinds:
        taken = [seconds(make(amount), _REPEATS) for amount in amounts]
        key = "slope_" + re.sub(r"\W+", "_", what.replace("by ", ""))
        yield Growth(key, what, [_work(what, amount) for amount in amounts], taken)


def _work(what: str, amount: int) -> int:
    """Amount of work: strokes or pictures as given, pixels from their side."""
    return amount**2 if what.endswith("pixels") else amount


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


def _paint(bench: Workbench, pictures: int) -> Callable[[], object]:
    """Return a function that paints two bundles with the agent: its steps are all alike."""
    policy = bench.policy
    policy.environment.strokes = 2 * policy.environment.bundle
    target = bench.pictures(pictures)
    return lambda: policy.paint(target)


def main(picture: Path = PICTURE, scale: Scale | None = None) -> None:
    """Measure, say the slopes, and draw the curves.

    Args:
        picture: Where they go.
        scale: How much is measured.
    """
    curves = {}
    print(f"Measured on {machine()}.\n\n| cost of | slope | of the upper decade |")
    print("| --- | ---: | ---: |", flush=True)
    for growth in growths(Workbench(scale or default_scale())):
        print(f"| {growth.what} | {growth.slope:.2f} | {growth.late:.2f} |", flush=True)
        least = min(growth.work)
        factors = [round(amount / least, 1) for amount in growth.work]
        curves[f"{growth.what}: {growth.slope:.2f}"] = dict(
            zip(factors, growth.seconds, strict=True)
        )
    save(picture, curves)
    print(f"\npicture: {picture}")


def save(picture: Path, curves: Mapping[str, Mapping[float, float]]) -> None:
    """Draw curves of seconds by work, as multiples of the least."""
    places = sorted({place for curve in curves.values() for place in curve})
    nan = float("nan")
    lines = {name: [curve.get(at, nan) for at in places] for name, curve in curves.items()}
    label = "work, as a multiple of the least"
    save_curves(picture, places, lines, label, "seconds", log=True, log_x=True)


if __name__ == "__main__":
    main()
