import numpy as np
import pytest

from datamodules.splits import TEST, TRAIN, VAL, assign_splits, limit_rows, paper_parts, split_rows
from impasto.errors import UserError


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


def test_single_rows_are_drawn_as_they_always_were() -> None:
    """Published figures are of these very splits."""
    generator = np.random.default_rng([3, 500])
    test = generator.permutation(500)[:50]
    rest = np.setdiff1d(np.arange(500), test)
    val = generator.permutation(rest)[:45]
    parts = assign_splits(500, None, seed=3, test_fraction=0.1)
    assert np.flatnonzero(parts == TEST).tolist() == sorted(test)
    assert np.flatnonzero(parts == VAL).tolist() == sorted(val)
    limited = np.sort(np.random.default_rng([3, 50]).permutation(np.sort(test))[:7])
    assert limit_rows(np.sort(test), 7, 3).tolist() == limited.tolist()


def test_runs_of_neighbours_are_a_twentieth_each() -> None:
    official = np.repeat(np.array([TRAIN, TEST], np.int8), [50_000, 10_000])
    rows = split_rows(60_000, official, 0, 0.1, {"train": None, "val": None, "test": 1_000}, 100)
    assert {split: len(found) for split, found in rows.items()} == {
        "train": 48_000,
        "val": 2_000,
        "test": 1_000,
    }
    assert len(np.flatnonzero(np.diff(rows["val"]) > 1)) + 1 <= 20
    assert len(np.flatnonzero(np.diff(rows["test"]) > 1)) + 1 <= 20
    assert rows["val"][-1] - rows["val"][0] > 20_000
    other = split_rows(60_000, official, 1, 0.1, {"train": None, "val": None, "test": None}, 100)
    assert rows["val"].tolist() != other["val"].tolist()


def test_the_last_run_may_be_short() -> None:
    for seed in range(20):
        rows = limit_rows(np.arange(1_005), 400, seed, 100)  # runs of 20, the last one of 5
        assert len(rows) == len(set(rows.tolist())) == 400


def test_the_papers_test_is_2000_of_all_images() -> None:
    drawn = paper_parts(9_000, seed=1, drawn=True)
    assert (drawn == TEST).sum() == 2_000
    assert (drawn == TRAIN).sum() == 7_000
    assert np.array_equal(drawn, paper_parts(9_000, seed=1, drawn=True))
    assert not np.array_equal(drawn, paper_parts(9_000, seed=2, drawn=True))
    first = paper_parts(9_000, seed=1, drawn=False)
    assert np.flatnonzero(first == TEST).tolist() == list(range(2_000))


def test_training_can_be_limited_too() -> None:
    limits = {"train": 300, "val": None, "test": None}
    rows = split_rows(5_000, paper_parts(5_000, 0, drawn=True), 0, 0.1, limits)
    assert {split: len(found) for split, found in rows.items()} == {
        "train": 300,
        "val": 300,  # a tenth of what trained before the limit
        "test": 2_000,
    }
    assert len(np.unique(np.concatenate(list(rows.values())))) == 2_600
