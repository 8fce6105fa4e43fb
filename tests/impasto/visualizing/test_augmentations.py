"""Views of pictures, against values by hand."""

import math

import pytest
import torch

from impasto.errors import UserError
from impasto.visualizing import Views
from impasto.visualizing.augmentations import view_maps, view_pictures

BACKGROUND = (0.25, 0.5, 0.75)


def picture(height: int = 6, width: int = 6) -> torch.Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))


def view(image: torch.Tensor, shift: list[float], scale: float, degrees: float) -> torch.Tensor:
    angle = torch.tensor([math.radians(degrees)])
    maps = view_maps(torch.tensor([shift]), torch.tensor([scale]), angle)
    return view_pictures(image, maps, BACKGROUND)[0]


def test_no_change_is_the_picture() -> None:
    torch.testing.assert_close(view(picture(), [0.0, 0.0], 1.0, 0.0), picture())


def test_a_shift_by_whole_pixels() -> None:
    image = picture(4, 8)
    moved = view(image, [2 / 8, 1 / 4], 1.0, 0.0)  # two to the right, one down
    torch.testing.assert_close(moved[:, 1:, 2:], image[:, :-1, :-2])
    beside = torch.tensor(BACKGROUND)[:, None]
    torch.testing.assert_close(moved[:, 0], beside.expand(3, 8))
    torch.testing.assert_close(moved[:, 1:, 0], beside.expand(3, 3))


def test_a_quarter_turn_is_clockwise() -> None:
    turned = view(picture(), [0.0, 0.0], 1.0, 90.0)
    torch.testing.assert_close(turned, picture().rot90(-1, (1, 2)), atol=1e-5, rtol=0)


def test_half_the_size_shows_means_and_a_margin() -> None:
    image = picture(8, 8)
    small = view(image, [0.0, 0.0], 0.5, 0.0)
    means = torch.nn.functional.avg_pool2d(image, 2)
    torch.testing.assert_close(small[:, 2:6, 2:6], means)
    assert small[:, 0, 0].tolist() == list(BACKGROUND)


def test_turned_first_then_moved() -> None:
    both = view(picture(), [1 / 6, 0.0], 1.0, 90.0)
    turned = picture().rot90(-1, (1, 2))
    torch.testing.assert_close(both[:, :, 1:], turned[:, :, :-1], atol=1e-5, rtol=0)


def test_drawn_views_keep_within_their_bounds_and_differ() -> None:
    views = Views(count=500, shift=0.1, scale=0.5, angle=30.0)
    maps = views.draw(torch.Generator().manual_seed(1))
    assert maps.shape == (500, 2, 3)
    inverse = maps[:, :, :2].inverse()
    scale = inverse.det().sqrt()
    angle = torch.atan2(inverse[:, 1, 0], inverse[:, 0, 0])
    shift = -(inverse @ maps[:, :, 2:])[:, :, 0] / 2
    assert 1 / 1.5 - 1e-4 <= scale.min() < 0.7 < 1.4 < scale.max() <= 1.5 + 1e-4
    assert 29 < math.degrees(angle.abs().max()) <= 30.001
    assert 0.095 < shift.abs().max() <= 0.1001
    assert abs(scale.log().mean()) < 0.05
    assert abs(angle.mean()) < 0.05


def test_views_are_a_function_of_the_generator() -> None:
    first, again = (Views().draw(torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, Views().draw(torch.Generator().manual_seed(4)))


def test_the_gradient_goes_through() -> None:
    image = picture().double().requires_grad_()
    maps = view_maps(torch.tensor([[0.1, 0.05]]), torch.tensor([1.1]), torch.tensor([0.2])).double()
    assert torch.autograd.gradcheck(lambda one: view_pictures(one, maps, BACKGROUND), image)


def test_the_same() -> None:
    assert Views(3, 0, 0, 0).same
    assert not Views(1, 0.1, 0, 0).same


@pytest.mark.parametrize(
    ("key", "value"), [("count", 0), ("shift", -0.1), ("scale", -1.0), ("angle", float("nan"))]
)
def test_numbers_that_make_no_sense(key: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"^`{key}` is {value} — give"):
        Views(**{key: value})
