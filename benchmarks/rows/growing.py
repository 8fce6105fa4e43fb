"""Growth of cost with the work."""

from collections.abc import Iterator

from benchmarks.growth import LIMIT, growths
from benchmarks.registry import Result, measures
from benchmarks.workbench import Workbench


@measures("growth")
def slopes(bench: Workbench) -> Iterator[Result]:
    """Log-log slopes over two decades."""
    for growth in growths(Workbench(bench.scale)):
        what = f"growth of cost over two decades: {growth.what} (the upper one {growth.late:.2f})"
        yield Result(growth.key, what, growth.slope, "slope", aim=f"≤ {LIMIT}")
