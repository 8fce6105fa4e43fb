"""Split of a data set into training, validation and test."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from impasto.errors import UserError

TRAIN, VAL, TEST = 0, 1, 2
SPLITS = ("train", "val", "test")

VAL_LIMIT = 2_000
PAPER_TEST = 2_000
VAL_FRACTION = 0.1


# Into how many runs of consecutive images a draw is divided, where it is drawn in runs.
_RUNS = 20


def split_rows(
    count: int,
    parts: NDArray[np.int8] | None,
    seed: int,
    test_fraction: float,
    limits: Mapping[str, int | None],
    run: int = 1,
) -> dict[str, NDArray[np.int64]]:
    """Give the rows of every split.

    Args:
        count: Images in the set.
        parts: ``(count,)`` of TRAIN, VAL or TEST where the set defines them.
        seed: Fixes what is drawn.
        test_fraction: Share of the test split where the set has none.
        limits: How many rows to keep of a split, by its name; None keeps all.
        run: At most so many consecutive images are drawn together.

    Returns:
        By the split's name its rows, ascending.

    Raises:
        UserError: There are too few images for three splits.
    """
    assigned = assign_splits(count, parts, seed, test_fraction, run)
    return {
        split: limit_rows(np.flatnonzero(assigned == number), limits[split], seed, run)
        for number, split in enumerate(SPLITS)
    }


def assign_splits(
    count: int, parts: NDArray[np.int8] | None, seed: int, test_fraction: float, run: int = 1
) -> NDArray[np.int8]:
    """Put every image into one split.

    A split that the set defines is kept. A missing test split is ``test_fraction`` of all images; a
    missing validation split is the smaller of 2,000 and 10 % of the training part. Both are drawn
    by the seed alone, so they stay the same when an image turns out to be broken. Arguments as in
    `split_rows`.

    Returns:
        ``(count,)`` of TRAIN, VAL or TEST.

    Raises:
        UserError: There are too few images for three splits.
    """
    result = np.full(count, TRAIN, np.int8) if parts is None else parts.astype(np.int8)
    generator = np.random.default_rng([seed, count])
    if not (result == TEST).any():
        _move(result, TEST, max(1, round(test_fraction * count)), generator, run)
    if not (result == VAL).any():
        training = int((result == TRAIN).sum())
        _move(result, VAL, max(1, min(VAL_LIMIT, round(VAL_FRACTION * training))), generator, run)
    if not (result == TRAIN).any():
        raise UserError(
            f"`root`: {count} images are too few for training, validation and test",
            "give at least three, and some that belong to training",
        )
    return result


def paper_parts(count: int, seed: int, drawn: bool, run: int = 1) -> NDArray[np.int8]:
    """Put 2,000 of all images into the test split, as the papers do, and leave the rest to train.

    Args:
        count: Images in the set.
        seed: Fixes what is drawn.
        drawn: Whether they are drawn (ICCV 2019, section 5.1) or the first ones (SARA, 6.1).
        run: See `split_rows`.

    Returns:
        ``(count,)`` of TRAIN or TEST.
    """
    parts = np.full(count, TRAIN, np.int8)
    if drawn:
        _move(parts, TEST, PAPER_TEST, np.random.default_rng([seed, count]), run)
    else:
        parts[:PAPER_TEST] = TEST
    return parts


def _move(
    parts: NDArray[np.int8], to: int, count: int, generator: np.random.Generator, run: int
) -> None:
    """Move ``count`` random images from training to another split, in place."""
    parts[_draw(np.flatnonzero(parts == TRAIN), count, generator, run)] = to


def limit_rows(
    rows: NDArray[np.int64], limit: int | None, seed: int, run: int = 1
) -> NDArray[np.int64]:
    """Keep ``limit`` random rows, or all of them where ``limit`` is None, in ascending order."""
    if limit is None or limit >= len(rows):
        return rows
    return np.sort(_draw(rows, limit, np.random.default_rng([seed, len(rows)]), run))


def _draw(
    rows: NDArray[np.int64], count: int, generator: np.random.Generator, run: int
) -> NDArray[np.int64]:
    """Draw ``count`` rows, in runs of neighbours: a twentieth of them, and at most ``run``."""
    length = max(1, min(run, count // _RUNS))
    starts = generator.permutation(-(-len(rows) // length)) * length
    places = (starts[:, None] + np.arange(length)).reshape(-1)  # runs one after the other
    drawn: NDArray[np.int64] = rows[places[places < len(rows)][:count]]
    return drawn
