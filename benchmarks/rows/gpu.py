"""Measurements that only a GPU makes in reasonable time."""

from collections.abc import Iterator

from benchmarks.machine import once
from benchmarks.pretraining import AIM, pretrain_until
from benchmarks.registry import Result, measures
from benchmarks.workbench import Workbench

_STEADY = 2000  # updates from which hours are extrapolated
_RECIPE = 200_000
_HOUR = 3600.0


@measures("pretraining", gpu=True)
def renderer(bench: Workbench) -> Iterator[Result]:
    """Seconds until the papers' renderer has a twentieth of the mean image's error."""
    learned = pretrain_until(bench.scale.renderer)
    what = f"renderer pretraining to 1/{1 / AIM:.0f} of the mean image's error"
    state = (
        f"{learned.updates:,} updates" if learned.reached else f"NOT reached: {learned.ratio:.3f}"
    )
    yield Result("pretraining", f"{what} ({state})", learned.seconds, "s", aim="≤ 300 s")


@measures("recipe", gpu=True)
def recipe(bench: Workbench) -> Iterator[Result]:
    """Hours of the whole recipe, from steady updates with their rollouts."""
    share = bench.agent.updates_per_rollout
    groups = -(-_STEADY // share)
    target = bench.pictures(bench.scale.batch)

    def learn() -> None:
        for _ in range(groups):
            bench.rollout(target)
            for _ in range(share):
                bench.update()

    bench.rollout(target)
    bench.update()
    made = groups * share
    hours = once(learn) / made * _RECIPE / _HOUR
    what = f"the whole CelebA recipe, extrapolated from {made:,} steady updates, no validations"
    floor = bench.floor(bench.counted.learning) * _RECIPE / _HOUR
    yield Result("recipe_hours", what, hours, "h", floor=floor, aim="≤ 0.75 h")
