"""The replay buffer: a ring of whole episodes."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto.canvas import to_uint8
from impasto.compositing import composite
from impasto.errors import UserError
from impasto.rl.replay import ReplayBuffer
from tests.impasto.rl.replay.restoring import restore

T, H, W, A = 3, 2, 4, 5


def episodes(first: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Episodes whose every number says which episode, picture and step it is of."""
    number = torch.arange(first, first + count).float()
    target = (number / 255).view(-1, 1, 1, 1).expand(count, 3, H, W)
    step = torch.arange(T + 1).float()
    canvas = (number[:, None] + step * 50) / 255
    action = number[:, None] * 10 + step[:T]
    return (
        target,
        canvas.view(count, T + 1, 1, 1, 1).expand(count, T + 1, 3, H, W),
        action[..., None].expand(count, T, A),
    )


def filled(capacity: int, *counts: int) -> ReplayBuffer:
    replay = ReplayBuffer(capacity)
    first = 0
    for count in counts:
        replay.add(*episodes(first, count))
        first += count
    return replay


def held(replay: ReplayBuffer, draws: int = 600) -> set[int]:
    """Which episodes are sampled, all of whose numbers are checked."""
    batch = replay.sample(draws, torch.Generator().manual_seed(0))
    number = (batch.state.target[:, 0, 0, 0] * 255).round()
    step = batch.state.step
    assert batch.state.step.dtype == torch.int64
    assert torch.equal(batch.next_state.step, step + 1)
    assert set(step.tolist()) == set(range(T))

    def all_equal(picture: Tensor, level: Tensor) -> None:
        torch.testing.assert_close(picture, (level / 255).view(-1, 1, 1, 1).expand_as(picture))

    all_equal(batch.state.target, number)
    all_equal(batch.next_state.target, number)
    all_equal(batch.state.canvas, number + 50 * step)
    all_equal(batch.next_state.canvas, number + 50 * (step + 1))
    assert torch.equal(batch.action, (number * 10 + step)[:, None].expand(draws, A))
    return set(number.int().tolist())


@pytest.mark.parametrize(
    ("capacity", "counts", "kept"),
    [
        (4, [1], {0}),
        (4, [2, 2], {0, 1, 2, 3}),
        (4, [3, 3], {2, 3, 4, 5}),  # wraps round
        (4, [3, 3, 3], {5, 6, 7, 8}),
        (5, [2] * 6, {7, 8, 9, 10, 11}),
        (3, [7], {4, 5, 6}),  # more than there is room for: the last ones
        (3, [2, 8, 1], {8, 9, 10}),
        (1, [1, 1, 1], {2}),
    ],
)
def test_the_ring_keeps_the_newest(capacity: int, counts: list[int], kept: set[int]) -> None:
    replay = filled(capacity, *counts)
    assert len(replay) == len(kept) * T
    assert held(replay) == kept


def test_length_after_every_add() -> None:
    replay = ReplayBuffer(5)
    assert len(replay) == 0
    for number in range(4):
        replay.add(*episodes(2 * number, 2))
        assert len(replay) == min(5, 2 * (number + 1)) * T


def test_transitions_are_drawn_uniformly_from_the_generator_alone() -> None:
    replay = filled(4, 4)
    state = torch.get_rng_state()
    batch = replay.sample(12_000, torch.Generator().manual_seed(3))
    assert torch.equal(torch.get_rng_state(), state)
    number = (batch.state.target[:, 0, 0, 0] * 255).round().long()
    counts = torch.bincount(number * T + batch.state.step, minlength=4 * T)
    assert counts.min() > 850  # 1,000 each
    assert counts.max() < 1150
    again = replay.sample(12_000, torch.Generator().manual_seed(3))
    assert torch.equal(again.action, batch.action)


def test_canvases_are_rounded() -> None:
    """A pixel a little above a level would fall by one under truncation, at every step."""
    canvas = torch.full((1, 3, H, W), 200 / 255)
    steps = [canvas]
    for _ in range(40):
        steps.append(composite(steps[-1], torch.full((1, 1, H, W), 1e-6), torch.zeros(1, 3)))
    replay = ReplayBuffer(1)
    replay.add(canvas, torch.stack(steps, dim=1), torch.zeros(1, 40, A))
    batch = replay.sample(100)
    assert to_uint8(batch.next_state.canvas).eq(200).all()
    replay.add(canvas, torch.stack([canvas + 0.7 / 255] * 41, dim=1), torch.zeros(1, 40, A))
    torch.testing.assert_close(replay.sample(9).state.canvas[0, 0, 0, 0].item(), 201 / 255)


def test_t_plus_2_pictures_per_episode_and_no_reward() -> None:
    replay = filled(6, 1)
    pictures = replay.tensors()
    assert set(pictures) == {"target", "canvas", "action"}  # no reward, no second canvas
    assert {key: value.dtype for key, value in pictures.items()} == {
        "target": torch.uint8,
        "canvas": torch.uint8,
        "action": torch.float32,
    }
    per_episode = (T + 2) * 3 * H * W + T * A * 4
    assert replay.bytes_per_transition == per_episode / T


def test_the_papers_replay_fits_in_1_7_gb() -> None:
    replay = ReplayBuffer(800, device="meta")  # claims nothing
    target, canvas = torch.zeros(1, 3, 128, 128), torch.zeros(1, 41, 3, 128, 128)
    replay.add(target, canvas, torch.zeros(1, 40, 65))
    total = replay.bytes_per_transition * 800 * 40
    assert total == 800 * (42 * 3 * 128 * 128 + 40 * 65 * 4)
    assert total <= 1.7e9


@pytest.mark.parametrize("counts", [[2], [4], [3, 3], [4, 4, 1]])
def test_save_and_load_keeps_the_write_position(tmp_path: Path, counts: list[int]) -> None:
    """After a wrap the restored ring must overwrite the oldest episode, not the newest."""
    replay = filled(4, *counts)
    restored = ReplayBuffer(4)
    restore(replay, restored, tmp_path)
    assert len(restored) == len(replay)
    assert held(restored) == held(replay)
    for more in range(4):
        first = sum(counts) + more
        for ring in (replay, restored):
            ring.add(*episodes(first, 1))
        assert held(restored) == held(replay)
    assert restored.state_dict() == replay.state_dict()
    for key, value in replay.tensors().items():
        assert torch.equal(restored.tensors()[key], value)


def test_an_empty_ring_can_be_saved(tmp_path: Path) -> None:
    restored = filled(4, 2)
    restore(ReplayBuffer(4), restored, tmp_path)
    assert len(restored) == 0
    restored.add(*episodes(0, 1))
    assert held(restored) == {0}


def test_what_was_saved_is_not_what_is_added_later(tmp_path: Path) -> None:
    replay = filled(2, 2)
    restored = ReplayBuffer(2)
    restore(replay, restored, tmp_path)
    replay.add(*episodes(7, 2))
    assert held(restored) == {0, 1}


def test_a_ring_of_another_capacity_is_refused(tmp_path: Path) -> None:
    for capacity in (3, 5):
        with pytest.raises(UserError, match=r"does not fit.*resume with `episodes=4`"):
            restore(filled(4, 5), ReplayBuffer(capacity), tmp_path)


def test_bad_use_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        ReplayBuffer(3).sample(1)
    with pytest.raises(UserError, match=r"^`episodes` is 0 — give a whole number, at least 1$"):
        ReplayBuffer(0)


def test_nothing_held_has_a_gradient() -> None:
    target, canvas, action = episodes(0, 1)
    replay = ReplayBuffer(1)
    replay.add(target, canvas.clone().requires_grad_(), action.clone().requires_grad_())
    batch = replay.sample(2)
    assert not batch.action.requires_grad
    assert not batch.state.canvas.requires_grad
