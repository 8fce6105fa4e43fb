"""Pictures painted by an agent."""

from collections.abc import Iterator

from benchmarks.machine import device
from benchmarks.registry import Result, duration, measures, rate
from benchmarks.workbench import Workbench


@measures("pictures")
def one(bench: Workbench) -> Iterator[Result]:
    """Time one picture, its strokes drawn exactly."""
    target = bench.pictures(1)
    floor = bench.floor(bench.counted.painted(1))
    what = f"{bench.counted.strokes} strokes at {bench.scale.size} px, one picture"
    yield duration("picture", what, bench.seconds(lambda: bench.paint(target)), floor)


@measures("pictures")
def many(bench: Workbench) -> Iterator[Result]:
    """Time pictures in a batch."""
    count = bench.scale.batch if device().type == "cpu" else 8 * bench.scale.batch
    target = bench.pictures(count)
    floor = bench.floor(bench.counted.painted(count)) / count
    seconds = bench.seconds(lambda: bench.paint(target), bench.few)
    aim = "1,000 / s on a GPU"
    yield rate(
        "pictures", f"the same in batches of {count}, pictures", seconds, count, floor, aim=aim
    )
