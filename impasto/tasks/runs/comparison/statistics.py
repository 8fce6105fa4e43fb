"""Means, spreads and verdicts over seeds, and when a run reached a level."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from impasto.tasks.runs.comparison.runs import Point

# A difference of means counts from so many pooled standard deviations.
SIGNIFICANT = 2.0


@dataclass(frozen=True)
class Spread:
    """One figure over seeds.

    Attributes:
        values: One per seed that has it.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float | None:
        """Mean; None without a value."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def std(self) -> float | None:
        """Sample standard deviation (n - 1 in the denominator); None for fewer than two values."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


def spread(values: Iterable[float | None]) -> Spread:
    """A figure's values, without those that are not there."""
    return Spread(tuple(value for value in values if value is not None))


class Verdict(StrEnum):
    """Verdict on a difference to the baseline."""

    BASELINE = "baseline"
    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no difference seen"
    ONE_SEED = "one seed"
    NOTHING = "no finished run"


def pooled_std(a: Spread, b: Spread) -> float | None:
    """Pooled standard deviation of two groups, which may differ in size.

    sqrt(((n_a - 1) s_a² + (n_b - 1) s_b²) / (n_a + n_b - 2)); None where one has no s.
    """
    if a.std is None or b.std is None:
        return None
    freedom_a, freedom_b = len(a.values) - 1, len(b.values) - 1
    return math.sqrt((freedom_a * a.std**2 + freedom_b * b.std**2) / (freedom_a + freedom_b))


def judge(values: Spread, baseline: Spread) -> Verdict:
    """Compare figures of which lower is better with the baseline's.

    A difference of the means below twice the pooled standard deviation is none that was seen.
    """
    if values.mean is None or baseline.mean is None:
        return Verdict.NOTHING
    pooled = pooled_std(values, baseline)
    if pooled is None:
        return Verdict.ONE_SEED
    difference = values.mean - baseline.mean
    if difference == 0 or abs(difference) < SIGNIFICANT * pooled:
        return Verdict.NO_DIFFERENCE
    return Verdict.BETTER if difference < 0 else Verdict.WORSE


def seconds_to(level: float, validations: Sequence[Point]) -> float | None:
    """Seconds until a run's validation L2 first fell to a level.

    Between two validations L2 is taken as linear in time. A run below the level at its first
    validation reached it by then: its seconds are that one's, which is an upper bound.

    Args:
        level: L2.
        validations: In the order of time.

    Returns:
        Seconds of training; None if it never did.
    """
    before: Point | None = None
    for point in validations:
        if point.l2 <= level:
            if before is None:
                return point.seconds
            share = (before.l2 - level) / (before.l2 - point.l2)
            return before.seconds + share * (point.seconds - before.seconds)
        before = point
    return None


def common_level(variants: Sequence[Sequence[Sequence[Point]]]) -> float | None:
    """The lowest validation L2 that at least one seed of every variant reached.

    Args:
        variants: Of each variant each seed's validations; those without any don't count.

    Returns:
        The highest of the variants' best; None if nothing was validated.
    """
    best = [
        min(point.l2 for validations in seeds for point in validations)
        for seeds in variants
        if any(seeds)
    ]
    return max(best, default=None)


@dataclass(frozen=True)
class CurvePoint:
    """A point of a variant's learning curve, over its seeds.

    Attributes:
        update: After how many updates.
        seconds: After how many seconds, on average.
        mean: Mean validation L2.
        low: The lowest seed's.
        high: The highest seed's.
    """

    update: int
    seconds: float
    mean: float
    low: float
    high: float


def learning_curve(seeds: Sequence[Sequence[Point]]) -> list[CurvePoint]:
    """Validation L2 over the seeds, at the updates at which every one of them was validated."""
    tables = [{point.update: point for point in validations} for validations in seeds]
    tables = [table for table in tables if table]
    if not tables:
        return []
    shared = set.intersection(*(set(table) for table in tables))
    curve = []
    for update in sorted(shared):
        points = [table[update] for table in tables]
        values = [point.l2 for point in points]
        seconds = statistics.fmean(point.seconds for point in points)
        curve.append(
            CurvePoint(update, seconds, statistics.fmean(values), min(values), max(values))
        )
    return curve
