"""Verdicts over seeds, curves of their means, and when a run reached a level."""

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum

import numpy as np
import pandas as pd

# A difference of means counts from so many pooled standard deviations.
SIGNIFICANT = 2.0


class Verdict(StrEnum):
    """Verdict on a difference to the baseline."""

    BASELINE = "baseline"
    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no difference seen"
    ONE_SEED = "one seed"
    NOTHING = "no finished run"


def pooled_std(a: pd.Series, b: pd.Series) -> float:
    """Pooled standard deviation of two groups of at least two values, which may differ in size.

    sqrt(((n_a - 1) s_a² + (n_b - 1) s_b²) / (n_a + n_b - 2))
    """
    freedom_a, freedom_b = len(a) - 1, len(b) - 1
    return math.sqrt((freedom_a * a.var() + freedom_b * b.var()) / (freedom_a + freedom_b))


def judge(values: pd.Series, baseline: pd.Series) -> Verdict:
    """Compare figures of which lower is better, one per seed, with the baseline's.

    A difference of the means below twice the pooled standard deviation is none that was seen.
    """
    fewest = min(len(values), len(baseline))
    if fewest < 2:
        return Verdict.ONE_SEED if fewest else Verdict.NOTHING
    difference = values.mean() - baseline.mean()
    if difference == 0 or abs(difference) < SIGNIFICANT * pooled_std(values, baseline):
        return Verdict.NO_DIFFERENCE
    return Verdict.BETTER if difference < 0 else Verdict.WORSE


def confidence_interval(differences: pd.Series) -> tuple[float, float] | None:
    """95 % confidence interval of the mean of at least two differences, else None.

    By the percentiles of 2,000 bootstrap samples (Efron, "Bootstrap methods: another look at the
    jackknife", 1979), which are the same at every call.
    """
    if len(differences) < 2:
        return None
    from scipy.stats import bootstrap  # slow to import

    found = bootstrap(
        (differences.to_numpy(),),
        np.mean,
        n_resamples=2000,
        batch=100,
        method="percentile",
        random_state=0,
    ).confidence_interval
    return float(found.low), float(found.high)


def seconds_to(level: float, validations: pd.DataFrame) -> float:
    """Seconds until a run's validation L2 first fell to a level.

    Between two validations L2 is taken as linear in time. A run below the level at its first
    validation reached it by then: its seconds are that one's, which is an upper bound.

    Args:
        level: L2.
        validations: In the order of time, as `Run.validations`.

    Returns:
        Seconds of training; NaN if it never did.
    """
    seconds, l2 = validations["seconds"], validations["val_l2"]
    reached = validations.index[l2 <= level]
    if reached.empty:
        return math.nan
    at = reached[0]
    if at == 0:
        return float(seconds[0])
    share = (l2[at - 1] - level) / (l2[at - 1] - l2[at])
    return float(seconds[at - 1] + share * (seconds[at] - seconds[at - 1]))


def common_level(variants: Iterable[Sequence[pd.DataFrame]]) -> float | None:
    """The lowest validation L2 that at least one seed of every variant reached.

    Args:
        variants: Of each variant each seed's validations; those without any don't count.

    Returns:
        The highest of the variants' best; None if nothing was validated.
    """
    best = [
        pd.Series([seed["val_l2"].min() for seed in seeds], dtype=float).min() for seeds in variants
    ]
    highest = pd.Series(best, dtype=float).max()
    return None if math.isnan(highest) else float(highest)


def over_seeds(curves: Iterable[pd.Series]) -> pd.DataFrame:
    """Mean, lowest and highest value over seeds, at the places that all of them have.

    Args:
        curves: Each seed's values, indexed by place; those without any don't count.

    Returns:
        `mean`, `low` and `high`, by place in its order.
    """
    # Of a place that a resumed run passed twice, the later value.
    single = [curve[~curve.index.duplicated(keep="last")] for curve in curves if len(curve)]
    table = pd.DataFrame(dict(enumerate(single))).dropna().sort_index()
    summed = {"mean": table.mean(axis=1), "low": table.min(axis=1), "high": table.max(axis=1)}
    return pd.DataFrame(summed)


def learning_curve(seeds: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Validation L2 over the seeds, at the updates at which every one of them was validated.

    Args:
        seeds: Each seed's validations, as `Run.validations`.

    Returns:
        As `over_seeds`, by update, and with `seconds`, their mean.
    """
    tables = [seed.set_index("update") for seed in seeds]
    curve = over_seeds(table["val_l2"] for table in tables)
    return curve.assign(seconds=over_seeds(table["seconds"] for table in tables)["mean"])
