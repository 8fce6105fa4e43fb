"""Figures over seeds, by hand."""

import math

import pytest

from impasto.tasks.runs.comparison.runs import Point
from impasto.tasks.runs.comparison.statistics import (
    CurvePoint,
    Spread,
    Verdict,
    common_level,
    judge,
    learning_curve,
    pooled_std,
    seconds_to,
    spread,
)


def test_mean_and_sample_deviation() -> None:
    values = spread([1.0, None, 2.0, 6.0])
    assert values.values == (1, 2, 6)
    assert values.mean == 3
    assert values.std == pytest.approx(math.sqrt((4 + 1 + 9) / 2), rel=1e-15)
    assert (spread([2.0]).mean, spread([2.0]).std) == (2, None)
    assert (spread([None]).mean, spread([]).std) == (None, None)


def test_pooled_deviation_weighs_by_degrees_of_freedom() -> None:
    a, b = Spread((0.0, 2.0)), Spread((0.0, 0.0, 6.0, 6.0))  # variances 2 (of 1) and 12 (of 3)
    assert pooled_std(a, b) == pytest.approx(math.sqrt((1 * 2 + 3 * 12) / 4), rel=1e-15)
    assert pooled_std(a, Spread((1.0,))) is None


# (-1, 0, 1) has mean 0 and deviation 1 exactly, and so has the pool of two such.
UNIT = (-1.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("shift", "verdict"),
    [
        (2.0, Verdict.WORSE),
        (1.9921875, Verdict.NO_DIFFERENCE),
        (0.0, Verdict.NO_DIFFERENCE),
        (-1.9921875, Verdict.NO_DIFFERENCE),
        (-2.0, Verdict.BETTER),
    ],
)
def test_a_difference_counts_from_two_pooled_deviations(shift: float, verdict: Verdict) -> None:
    assert judge(Spread(tuple(value + shift for value in UNIT)), Spread(UNIT)) == verdict


def test_verdicts_without_a_deviation() -> None:
    same = Spread((0.5, 0.5))
    assert judge(same, same) == Verdict.NO_DIFFERENCE  # deviation 0, and nothing differs
    assert judge(Spread((0.25, 0.25)), same) == Verdict.BETTER
    assert judge(Spread((0.25,)), same) == Verdict.ONE_SEED
    assert judge(same, Spread((0.25,))) == Verdict.ONE_SEED
    assert judge(Spread(()), same) == Verdict.NOTHING


RUN = (Point(10, 4.0, 0.5), Point(20, 8.0, 0.25), Point(30, 10.0, 0.375), Point(40, 16.0, 0.125))


@pytest.mark.parametrize(
    ("level", "seconds"),
    [
        (0.75, 4.0),  # reached before the first validation, which is when it was seen
        (0.5, 4.0),
        (0.375, 6.0),  # half-way; that it rose to this again doesn't matter
        (0.25, 8.0),
        (0.1875, 14.5),  # three quarters of the way from 10 s to 16 s
        (0.125, 16.0),
        (0.0625, None),
    ],
)
def test_seconds_to_a_level(level: float, seconds: float | None) -> None:
    assert seconds_to(level, RUN) == seconds


def test_the_common_level_is_the_worst_variants_best_seed() -> None:
    def reaching(*l2: float) -> list[Point]:
        return [Point(i, float(i), value) for i, value in enumerate(l2)]

    good = [reaching(0.5, 0.125), reaching(0.5, 0.25, 0.375)]
    bad = [reaching(0.75, 0.625), reaching(0.75)]
    assert common_level([good, bad]) == 0.625
    assert common_level([good, [[]], []]) == 0.125
    assert common_level([[], [[]]]) is None


def test_the_curve_is_over_the_updates_that_all_seeds_have() -> None:
    a = [Point(10, 2.0, 0.5), Point(15, 3.0, 9.0), Point(20, 4.0, 0.125)]
    b = [Point(10, 4.0, 0.25), Point(20, 8.0, 0.375)]
    assert learning_curve([a, b, []]) == [
        CurvePoint(10, 3.0, 0.375, 0.25, 0.5),
        CurvePoint(20, 6.0, 0.25, 0.125, 0.375),
    ]
    assert learning_curve([[], []]) == []
