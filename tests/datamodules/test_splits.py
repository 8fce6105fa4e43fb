import numpy as np
import pytest

from datamodules.splits import TEST, TRAIN, VAL, assign_splits
from painting.errors import UserError


@pytest.mark.parametrize(("training", "validation"), [(60_000, 2_000), (1_000, 100), (2, 1)])
def test_validation_is_the_smaller_of_2000_and_a_tenth_of_training(
    training: int, validation: int
) -> None:
    official = np.repeat(np.array([TRAIN, TEST], np.int8), [training, 50])
    parts = assign_splits(len(official), official, seed=0, test_fraction=0.1)
    assert (parts == VAL).sum() == validation
    assert np.array_equal(parts == TEST, official == TEST)


def test_official_validation_is_kept() -> None:
    official = np.array([TRAIN] * 50 + [VAL] * 3 + [TEST] * 4, np.int8)
    assert np.array_equal(assign_splits(57, official, seed=0, test_fraction=0.1), official)


def test_without_official_splits_both_are_drawn_by_the_seed() -> None:
    first, again, other = (assign_splits(1_000, None, seed, 0.1) for seed in (0, 0, 1))
    assert [(first == part).sum() for part in (TRAIN, VAL, TEST)] == [810, 90, 100]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(np.flatnonzero(first == TEST), np.arange(100))


def test_too_few_images_for_three_splits_is_an_error() -> None:
    assert sorted(assign_splits(3, None, 0, 0.1)) == [TRAIN, VAL, TEST]
    with pytest.raises(UserError, match="2 images are too few"):
        assign_splits(2, None, 0, 0.1)
