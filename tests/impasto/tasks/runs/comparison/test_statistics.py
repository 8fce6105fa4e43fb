"""Figures over seeds, by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from impasto.tasks.runs.comparison.statistics import (
    Verdict,
    common_level,
    confidence_interval,
    judge,
    learning_curve,
    over_seeds,
    pooled_std,
    seconds_to,
)


def values(*numbers: float) -> pd.Series:
    return pd.Series(numbers, dtype=float)


def validated(*rows: tuple[int, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["update", "seconds", "val_l2"])


def test_pooled_deviation_weighs_by_degrees_of_freedom() -> None:
    a, b = values(0, 2), values(0, 0, 6, 6)  # variances 2 (of 1) and 12 (of 3)
    assert pooled_std(a, b) == pytest.approx(math.sqrt((1 * 2 + 3 * 12) / 4), rel=1e-15)


# (-1, 0, 1) has mean 0 and deviation 1 exactly, and so has the pool of two such.
UNIT = values(-1, 0, 1)


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
    assert judge(UNIT + shift, UNIT) == verdict


def test_verdicts_without_a_deviation() -> None:
    same = values(0.5, 0.5)
    assert judge(same, same) == Verdict.NO_DIFFERENCE  # deviation 0, and nothing differs
    assert judge(values(0.25, 0.25), same) == Verdict.BETTER
    assert judge(values(0.25), same) == Verdict.ONE_SEED
    assert judge(same, values(0.25)) == Verdict.ONE_SEED
    assert judge(values(), same) == Verdict.NOTHING


def test_the_interval_of_a_mean() -> None:
    """Of a normal sample the bootstrap's is the known one: 1.96 standard errors on either side."""
    sample = pd.Series(np.random.default_rng(0).normal(3, 2, 400))
    found = confidence_interval(sample)
    error = sample.std() / 20
    assert found == pytest.approx(
        (sample.mean() - 1.96 * error, sample.mean() + 1.96 * error), rel=0.01
    )
    assert confidence_interval(sample) == found
    assert confidence_interval(values(0.5, 0.5, 0.5)) == (0.5, 0.5)
    assert confidence_interval(values(0.5)) is None


RUN = validated((10, 4.0, 0.5), (20, 8.0, 0.25), (30, 10.0, 0.375), (40, 16.0, 0.125))


@pytest.mark.parametrize(
    ("level", "seconds"),
    [
        (0.75, 4.0),  # reached before the first validation, which is when it was seen
        (0.5, 4.0),
        (0.375, 6.0),  # half-way; that it rose to this again doesn't matter
        (0.25, 8.0),
        (0.1875, 14.5),  # three quarters of the way from 10 s to 16 s
        (0.125, 16.0),
        (0.0625, math.nan),
    ],
)
def test_seconds_to_a_level(level: float, seconds: float) -> None:
    assert seconds_to(level, RUN) == pytest.approx(seconds, rel=0, abs=0, nan_ok=True)


def test_the_common_level_is_the_worst_variants_best_seed() -> None:
    def reaching(*l2: float) -> pd.DataFrame:
        return validated(*((i, float(i), value) for i, value in enumerate(l2)))

    good = [reaching(0.5, 0.125), reaching(0.5, 0.25, 0.375)]
    bad = [reaching(0.75, 0.625), reaching(0.75)]
    assert common_level([good, bad]) == 0.625
    assert common_level([good, [validated()], []]) == 0.125
    assert common_level([[], [validated()]]) is None


def test_the_curve_is_over_the_updates_that_all_seeds_have() -> None:
    a = validated((10, 2.0, 0.5), (15, 3.0, 9.0), (20, 4.0, 0.125))
    b = validated((20, 9.0, 0.5), (10, 4.0, 0.25), (20, 8.0, 0.375))  # gone on with from 10
    curve = learning_curve([a, b, validated()])
    assert curve.index.tolist() == [10, 20]
    assert curve[["seconds", "mean", "low", "high"]].values.tolist() == [
        [3.0, 0.375, 0.25, 0.5],
        [6.0, 0.25, 0.125, 0.375],
    ]
    assert learning_curve([validated(), validated()]).empty
    assert over_seeds([values(1, 2, 3), values(3, 4)])["mean"].tolist() == [2, 3]
