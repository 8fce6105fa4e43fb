"""Which strokes follow an example: in their place in the order, and in its direction."""

import pytest
import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.rl.human_strokes import HumanStrokes, center_lines, follows
from impasto.strokes import Bezier, Circle, Line
from impasto.strokes.conversion import columns

CLASSES = [str(digit) for digit in range(10)]
DIGITS = HumanStrokes("digits").of(CLASSES, Bezier())


def lines(strokes: Tensor) -> Tensor:
    return center_lines(Bezier(), strokes)


def backwards(strokes: Tensor) -> Tensor:
    """The same curves, each from its end to its start: P1 is relative to P0."""
    turned = strokes.clone()
    turned[..., 0:2], turned[..., 4:6] = strokes[..., 4:6], strokes[..., 0:2]
    turned[..., 2:4] = 1 - strokes[..., 2:4]
    return turned


def test_points_along_a_stroke() -> None:
    shape = torch.tensor([0.2, 0.4, 0.6, 0.8, 0, 0, 0, 0, 1, 1, 1])
    points = center_lines(Line(), shape.expand(3, 2, 11))
    assert points.shape == (3, 2, 5, 2)
    expected = torch.tensor([[0.2, 0.4], [0.3, 0.5], [0.4, 0.6], [0.5, 0.7], [0.6, 0.8]])
    torch.testing.assert_close(points[2, 1], expected)


@pytest.mark.parametrize("kind", [Bezier(), Line()])
def test_a_trace_is_where_the_pen_goes(kind: Bezier | Line) -> None:
    shape, t = kind.sample(5, torch.Generator().manual_seed(0)), torch.linspace(0, 1, 7)
    trace = kind.trace(shape)
    torch.testing.assert_close(trace.at(t), kind.curve(shape, t))
    ends = shape[:, columns(kind, ["radius0", "radius1", "opacity0", "opacity1"])]
    torch.testing.assert_close(torch.cat([trace.radius, trace.pressure], dim=1), ends)


def test_what_goes_nowhere_has_no_order() -> None:
    with pytest.raises(UserError, match="a circle stroke goes nowhere"):
        center_lines(Circle(), torch.rand(1, 2, 7))


def test_the_examples_follow_themselves() -> None:
    assert follows(lines(DIGITS), lines(DIGITS)).all()


def test_backwards_nothing_follows() -> None:
    assert not follows(lines(backwards(DIGITS)), lines(DIGITS)).any()


def test_in_another_order_only_what_kept_its_place_follows() -> None:
    swapped = DIGITS[:, [0, 1, 3, 2, 4, 5]]
    kept = torch.tensor([True, True, False, False, True, True])
    assert torch.equal(follows(lines(swapped), lines(DIGITS)), kept.expand(10, 6))


def test_one_stroke_backwards_is_that_one_alone() -> None:
    mixed = DIGITS.clone()
    mixed[:, 4] = backwards(DIGITS)[:, 4]
    wrong = (~follows(lines(mixed), lines(DIGITS))).nonzero()
    assert wrong[:, 1].tolist() == [4] * 10


@pytest.mark.parametrize("seed", range(3))
def test_a_larger_one_somewhere_else_by_a_shaky_hand_still_follows(seed: int) -> None:
    points = lines(DIGITS)
    noise = torch.randn((*points.shape[:2], 1, 2), generator=torch.Generator().manual_seed(seed))
    moved = 1.4 * points + torch.tensor([0.3, -0.2]) + 0.015 * noise
    assert follows(moved, points).all()


def test_another_digit_does_not() -> None:
    shares = follows(lines(DIGITS.roll(1, 0)), lines(DIGITS)).double()
    assert shares.prod(1).sum() == 0


def test_dots_have_no_direction() -> None:
    dot = lines(DIGITS)[:, :, 2:3].expand(-1, -1, 5, -1)  # each stroke shrunk to its middle
    assert not follows(dot, lines(DIGITS)).any()
    assert not follows(torch.zeros_like(dot), lines(DIGITS)).any()
