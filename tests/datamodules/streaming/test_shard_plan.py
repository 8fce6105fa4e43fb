import numpy as np
import pytest

from datamodules.streaming.batch_plans import ShardPlan
from impasto.errors import UserError

SIZES = np.array([30, 7, 0, 41, 22])  # of five files, one of them empty


def plan(**changes: object) -> ShardPlan:
    options = {"batch_size": 4, "buffer": 24, "seed": 5, "flip": True, **changes}
    return ShardPlan(SIZES, **options)


def test_a_pass_holds_every_image_once_but_for_less_than_a_batch() -> None:
    for start in (0, 25, 50):  # three passes of 25 batches
        numbers = np.concatenate([plan().numbers(start + batch) for batch in range(25)])
        assert len(set(numbers)) == 100
        assert numbers.min() >= 0
        assert numbers.max() < 100


def test_files_are_read_from_their_start_one_after_the_other() -> None:
    ends = np.cumsum(SIZES)
    orders = set()
    for start in (0, 25, 50, 75):
        blocks = plan().blocks(start)
        reading = np.concatenate([next(blocks).reading for _ in range(9)])
        files = np.searchsorted(ends, reading, side="right")
        changes = np.flatnonzero(np.diff(files)) + 1
        assert len(changes) == 3  # four files, each at once
        for part in np.split(reading, changes):
            assert part.tolist() == list(range(part[0], part[0] + len(part)))
        assert all(part[0] in (0, 30, 37, 78) for part in np.split(reading, changes))
        orders.add(tuple(dict.fromkeys(files.tolist())))
    assert len(orders) > 1  # another order in another pass


def test_a_block_is_half_the_buffer_and_shuffled() -> None:
    blocks = plan().blocks(0)
    first, second = next(blocks), next(blocks)
    assert len(first.reading) == len(second.reading) == 12
    assert [first.first, second.first] == [0, 3]
    assert sorted(first.order) == list(range(12))
    assert first.order.tolist() != second.order.tolist()
    assert first.order.tolist() != list(range(12))


def test_a_batch_is_a_function_of_the_seed_and_the_position() -> None:
    forward, backward = plan(), plan()
    wanted = [forward.numbers(position) for position in range(60)]
    flips = [forward.flips(position, wanted[position]) for position in range(60)]
    for position in reversed(range(60)):
        numbers = backward.numbers(position)
        assert np.array_equal(numbers, wanted[position])
        assert np.array_equal(backward.flips(position, numbers), flips[position])
    other = plan(seed=6)
    assert not any(np.array_equal(other.numbers(k), wanted[k]) for k in range(60))
    assert 60 < np.concatenate(flips).sum() < 180


@pytest.mark.parametrize("world", [2, 3])
def test_processes_see_disjoint_images_in_each_pass(world: int) -> None:
    plans = [plan(rank=rank, world=world) for rank in range(world)]
    batches = 100 // world // 4
    for start in (0, batches):
        shares = [
            {int(n) for batch in range(batches) for n in each.numbers(start + batch)}
            for each in plans
        ]
        assert all(len(share) == 4 * batches for share in shares)
        assert len(set.union(*shares)) == 4 * batches * world


def test_processes_read_files_of_their_own_but_for_those_at_the_borders() -> None:
    sizes = np.full(8, 20)
    files = []
    for rank in range(4):
        blocks = ShardPlan(sizes, 4, 16, 0, False, rank, 4).blocks(0)
        reading = np.concatenate([next(blocks).reading for _ in range(5)])
        files.append(set((reading // 20).tolist()))
    assert all(len(own) == 2 for own in files)
    assert len(set.union(*files)) == 8


def test_a_buffer_below_two_batches_is_refused() -> None:
    with pytest.raises(UserError, match=r"^`shuffle_buffer=7` is smaller than two batches"):
        plan(buffer=7)


def test_fewer_images_than_a_batch_for_each_process_are_refused() -> None:
    with pytest.raises(UserError, match=r"100 training images .* too few for 26 batch\(es\) of 4"):
        plan(world=26)


@pytest.mark.parametrize(
    ("world", "position", "together", "expected"),
    [
        (1, 7, 4, 7),  # nothing has changed
        (2, 0, 4, 0),
        (2, 4, 4, 2),  # 16 images of this pass are seen: two batches of 8
        (2, 5, 4, 2),
        (1, 2, 8, 4),
        (1, 100 // 8 + 1, 8, 100 // 4 + 2),  # one batch into the second pass
    ],
)
def test_other_ranks_go_on_as_far_into_the_pass(
    world: int, position: int, together: int, expected: int
) -> None:
    plan = ShardPlan(np.array([60, 40]), 4, 16, 0, False, 0, world)
    assert plan.together == 4 * world
    assert plan.position_after(position, together) == expected
