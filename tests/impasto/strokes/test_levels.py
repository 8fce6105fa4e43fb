"""Numbers of few levels: rounded, sampled, drawn by chance, with a gradient."""

import pytest
import torch

from impasto.strokes.levels import even_levels, gumbel_levels, to_levels

LEVELS = (0, 3, 2)  # any value; 0, 1/2, 1; a flag


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_the_nearest_level_and_a_gradient_straight_through() -> None:
    shape = torch.tensor([[0.3, 0.3, 0.3], [0.8, 0.76, 0.6], [0.1, 0.2, 0.5 - 1e-6]])
    shape.requires_grad_()
    levels = to_levels(shape, LEVELS)
    expected = torch.tensor([[0.3, 0.5, 0.0], [0.8, 1.0, 1.0], [0.1, 0.0, 0.0]])
    assert torch.equal(levels, expected)
    weights = torch.rand(3, 3, generator=seeded())
    (levels * weights).sum().backward()
    torch.testing.assert_close(shape.grad, weights)
    assert torch.equal(to_levels(levels, LEVELS), levels)


def test_ten_levels_are_found_again_to_the_last_bit() -> None:
    shape = torch.rand(1000, 1, generator=seeded())
    levels = to_levels(shape, (10,))
    assert len(levels.unique()) == 10
    assert torch.equal(to_levels(levels, (10,)), levels)
    assert (levels - shape).abs().max() <= 0.5 / 9 + 1e-6
    far = to_levels(torch.tensor([[-0.3], [1.7]]), (10,))
    assert far.flatten().tolist() == [0, 1]


def test_samples_of_levels_are_all_as_likely() -> None:
    sampled = even_levels(torch.rand(30_000, 3, generator=seeded()), LEVELS)
    for column, count in ((1, 3), (2, 2)):
        _, counts = sampled[:, column].unique(return_counts=True)
        assert counts.tolist() == pytest.approx([30_000 / count] * count, rel=0.05)
    assert len(sampled[:, 0].unique()) > 29_000


def test_levels_by_chance_are_the_number_itself_in_the_mean() -> None:
    shape = torch.tensor([[0.3, 0.4, 0.2], [0.7, 0.9, 0.65]]).repeat(20_000, 1)
    drawn = gumbel_levels(shape, LEVELS, 1.0, seeded())
    assert torch.equal(drawn[:, 0], shape[:, 0])
    assert drawn[::2, 1].unique().tolist() == [0.0, 0.5]  # the two around 0.4
    assert drawn[1::2, 1].unique().tolist() == [0.5, 1.0]
    assert torch.equal(to_levels(drawn, LEVELS), drawn)
    mean = drawn.unflatten(0, (-1, 2)).mean(0)
    torch.testing.assert_close(mean, shape[:2], atol=0.015, rtol=0)


def test_their_gradient_is_that_of_the_softmax_of_the_two() -> None:
    """By hand for a flag: sigmoid((logit a + logistic noise) / temperature)."""
    flag = torch.tensor([[0.2], [0.5], [0.9]], requires_grad=True)
    drawn = gumbel_levels(flag, (2,), 0.5, seeded())
    drawn.sum().backward()
    noise = torch.rand(3, 1, generator=seeded()).logit()
    free = flag.detach().clone().requires_grad_()
    soft = (((0.01 + 0.98 * free).logit() + noise) / 0.5).sigmoid()
    soft.sum().backward()
    torch.testing.assert_close(flag.grad, free.grad)
    assert torch.equal(drawn, (soft > 0.5).float())
    assert (flag.grad > 0).all()


def test_at_a_level_itself_chance_and_gradient_are_left() -> None:
    ends = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.5, 1.0]])
    shape = ends.repeat(5000, 1).requires_grad_()
    drawn = gumbel_levels(shape, LEVELS, 1.0, seeded())
    drawn.sum().backward()
    assert shape.grad is not None
    assert shape.grad.isfinite().all()
    assert (shape.grad > 0).all()
    others = (drawn != shape).float().mean(0)[1:]
    assert others.tolist() == pytest.approx([0.01, 0.01], abs=0.004)
