from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.cache.image_cache import ImageCache
from datamodules.cache.prepare import prepare
from datamodules.items import Items
from datamodules.streaming.batch_plans import BatchPlan
from datamodules.streaming.train_stream import Cursor, SplitImages, TrainStream, apply_flips


@pytest.fixture
def cache(tmp_path: Path) -> ImageCache:
    pixels = np.random.default_rng(0).integers(0, 256, (10, 4, 4, 3), np.uint8)
    items = Items(names=[str(n) for n in range(10)], read=lambda n: pixels[n])
    return prepare(tmp_path, "fake", 4, {}, lambda: items)


def flips_of(plan: BatchPlan, position: int) -> torch.Tensor:
    return plan.flips(position, plan.numbers(position))


def test_an_epoch_is_a_permutation_without_its_last_part() -> None:
    plan = BatchPlan(count=10, batch_size=3, seed=1, flip=False)
    for epoch in range(4):
        numbers = np.concatenate([plan.numbers(3 * epoch + batch) for batch in range(3)])
        assert len(set(numbers)) == 9
        assert set(numbers) <= set(range(10))
    orders = [plan.numbers(3 * epoch).tolist() for epoch in range(8)]
    assert len({tuple(order) for order in orders}) > 4


def test_a_batch_is_a_function_of_the_seed_and_the_position() -> None:
    forward = BatchPlan(count=50, batch_size=8, seed=3, flip=True)
    backward = BatchPlan(count=50, batch_size=8, seed=3, flip=True)
    wanted = [forward.numbers(position) for position in range(30)]
    flips = [forward.flips(position, wanted[position]) for position in range(30)]
    for position in reversed(range(30)):
        assert np.array_equal(backward.numbers(position), wanted[position])
        assert torch.equal(backward.flips(position, wanted[position]), flips[position])
    other = BatchPlan(count=50, batch_size=8, seed=4, flip=True)
    assert not all(np.array_equal(other.numbers(k), wanted[k]) for k in range(30))


def test_a_flip_belongs_to_the_image_and_the_epoch_not_to_the_batch() -> None:
    small, large = (BatchPlan(count=64, batch_size=size, seed=0, flip=True) for size in (4, 16))

    def flipped(plan: BatchPlan, size: int, epoch: int) -> dict[int, bool]:
        positions = range(epoch * 64 // size, (epoch + 1) * 64 // size)
        return {
            int(number): bool(flip)
            for position in positions
            for number, flip in zip(plan.numbers(position), flips_of(plan, position), strict=True)
        }

    assert flipped(small, 4, 0) == flipped(large, 16, 0)
    assert flipped(small, 4, 1) == flipped(large, 16, 1)
    assert flipped(small, 4, 0) != flipped(small, 4, 1)
    assert 16 < sum(flipped(small, 4, 0).values()) < 48


def test_a_set_smaller_than_a_batch_fills_it_evenly() -> None:
    plan = BatchPlan(count=5, batch_size=12, seed=0, flip=True)
    for position in range(4):
        counts = np.bincount(plan.numbers(position), minlength=5)
        assert counts.sum() == 12
        assert counts.min() >= 2
        assert len(flips_of(plan, position)) == 12


def test_two_processes_share_what_one_would_take() -> None:
    alone = BatchPlan(count=40, batch_size=8, seed=0, flip=True)
    shares = [BatchPlan(40, 4, seed=0, flip=True, rank=rank, world=2) for rank in (0, 1)]
    for position in range(9):
        together = np.concatenate([share.numbers(position) for share in shares])
        assert np.array_equal(together, alone.numbers(position))
        flips = torch.cat([flips_of(share, position) for share in shares])
        assert torch.equal(flips, flips_of(alone, position))


@pytest.mark.parametrize(
    ("count", "together", "position", "other", "expected"),
    [
        (40, 8, 3, 8, 3),  # the same
        (40, 8, 3, 4, 6),  # 24 images seen: none again, none left out
        (40, 4, 6, 8, 3),
        (40, 4, 7, 8, 3),  # 28 seen: the four from 24 on again
        (40, 8, 7, 4, 14),  # in the second epoch: 5 + 2 batches of 8, 10 + 4 of 4
        (42, 8, 4, 4, 8),  # 32 seen of an epoch of 5 batches that drops two images
        (42, 8, 5, 4, 10),  # that epoch is over
        (42, 4, 10, 8, 5),
        (5, 12, 1, 5, 3),  # an epoch of one batch took three passes, and dropped three images
        (5, 5, 4, 12, 1),
    ],
)
def test_other_batches_go_on_with_the_same_images(
    count: int, together: int, position: int, other: int, expected: int
) -> None:
    plan = BatchPlan(count, other, seed=0, flip=False)
    assert plan.position_after(position, together) == expected


def test_the_stream_goes_on_in_batches_of_another_size(cache: ImageCache) -> None:
    cursor = Cursor()
    stream = TrainStream(SplitImages(cache, np.arange(10)), BatchPlan(10, 4, 0, False), cursor)
    first = [batch["index"].tolist() for batch in islice(stream, 1)]
    assert cursor == Cursor(1, 4)
    share = BatchPlan(10, 1, 0, False, rank=1, world=2)
    rest = TrainStream(SplitImages(cache, np.arange(10)), share, cursor)
    second = [batch["index"].tolist() for batch in islice(rest, 2)]
    order = BatchPlan(10, 10, 0, False).numbers(0).tolist()
    assert first == [order[:4]]
    assert second == [[order[5]], [order[7]]]  # rank 0 has the fourth and the sixth
    assert cursor == Cursor(4, 2)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_stream_gives_what_the_plan_says_and_counts_first(
    cache: ImageCache, workers: int
) -> None:
    rows = np.array([1, 2, 3, 5, 7, 8])
    plan, cursor = BatchPlan(6, 4, seed=0, flip=True), Cursor(2)
    stream = TrainStream(SplitImages(cache, rows), plan, cursor, workers)
    assert len(stream) == 2**31 - 1
    for position, batch in zip(range(2, 8), stream, strict=False):
        assert cursor.position == position + 1
        expected = rows[plan.numbers(position)]
        assert batch["index"].tolist() == expected.tolist()
        assert torch.equal(batch["target"], cache.read(expected))
        assert torch.equal(batch["flip"], flips_of(plan, position))


def test_iterating_again_goes_on(cache: ImageCache) -> None:
    plan, cursor = BatchPlan(10, 3, seed=0, flip=False), Cursor()
    stream = TrainStream(SplitImages(cache, np.arange(10)), plan, cursor)
    first = [batch["index"].tolist() for batch in islice(stream, 2)]
    second = [batch["index"].tolist() for batch in islice(stream, 2)]
    assert first + second == [plan.numbers(position).tolist() for position in range(4)]


def test_flips_mirror_columns_of_the_named_images_only() -> None:
    target = torch.arange(2 * 3 * 2 * 4, dtype=torch.uint8).reshape(2, 3, 2, 4)
    batch = apply_flips({"target": target, "flip": torch.tensor([True, False])})
    assert set(batch) == {"target"}
    assert torch.equal(batch["target"][0], target[0].flip(2))
    assert torch.equal(batch["target"][1], target[1])


def test_a_split_gives_single_images_too(cache: ImageCache) -> None:
    images = SplitImages(cache, np.array([4, 9]))
    item = images[1]
    assert item["target"].shape == (3, 4, 4)
    assert int(item["index"]) == 9
    assert torch.equal(item["target"], cache.read(np.array([9]))[0])
