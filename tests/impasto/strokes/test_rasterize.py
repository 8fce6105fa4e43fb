"""What every stroke kind's drawing must be, whatever its shape."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from impasto.strokes import Bezier, Circle, Line, Pixel, Stroke, Triangle
from impasto.strokes.conversion import columns
from impasto.strokes.raster import frame
from tests.impasto.strokes.kinds import names
from tests.impasto.strokes.oracle import algorithm_1


def sample(kind: Stroke, count: int, seed: int = 0) -> Tensor:
    return kind.sample(count, torch.Generator().manual_seed(seed)).double()


def with_values(kind: Stroke, shape: Tensor, **values: float) -> Tensor:
    """Shapes whose parameters with these names, or starting with them, have these values."""
    shape = shape.clone()
    for start, value in values.items():
        columns = [i for i, name in enumerate(kind.parameters) if name.startswith(start)]
        assert columns
        shape[:, columns] = value
    return shape


def angled(kind: Stroke, shape: Tensor, quarter: float) -> Tensor:
    """The angle theta becomes `quarter` quarter turns minus theta, where the kind has one."""
    shape = shape.clone()
    for column in columns(kind, names(kind, "angle")):
        shape[:, column] = (quarter * math.pi / 2 / kind.turn - shape[:, column]) % 1
    return shape


def sizes(kind: Stroke) -> list[str]:
    """The parameters that make a stroke larger."""
    return names(kind, "radius", "width", "height", "size")


def test_alpha_has_its_shape_and_range(kind: Stroke) -> None:
    shape = sample(kind, 200).float()
    alpha = kind.rasterize(shape, 24, 40)
    assert alpha.shape == (200, 1, 24, 40)
    assert alpha.dtype == torch.float32
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert alpha.amax((1, 2, 3)).median() > 0.2  # and most strokes can be seen
    corners = torch.cat([torch.zeros(1, kind.shape_dim), torch.ones(1, kind.shape_dim)])
    assert kind.rasterize(corners, 24, 40).isfinite().all()


def test_a_batch_draws_each_as_it_is_alone(kind: Stroke) -> None:
    shape = sample(kind, 5)
    together = kind.rasterize(shape, 20, 30)
    for n in range(5):
        assert torch.equal(together[n : n + 1], kind.rasterize(shape[n : n + 1], 20, 30))


def test_a_wrong_number_of_columns_is_refused(kind: Stroke) -> None:
    with pytest.raises(ValueError, match=f"a {kind.name} shape is"):
        kind.rasterize(torch.rand(2, kind.shape_dim + 3), 16, 16)


@pytest.mark.parametrize("seed", range(3))
def test_gradients(kind: Stroke, seed: int) -> None:
    """Of every parameter, on a canvas that is not square."""
    if kind.name == "pixel":
        pytest.skip("its gradient is not that of what it draws: tested in test_pixel.py")
    # Away from 0 and 1, where a clamp has a kink; at random places otherwise.
    shape = (0.05 + 0.9 * sample(kind, 3, seed)).requires_grad_()
    # A whole alpha has kinks at every edge of the one-pixel ramp: the numerical derivative is taken
    # of random sums, so that a single pixel on a kink shows as little as it weighs.
    weights = torch.rand(4, 1, 11, 14, dtype=torch.float64, generator=torch.manual_seed(seed))

    def sums(shape: Tensor) -> Tensor:
        return torch.einsum("kchw,nchw->nk", weights, kind.rasterize(shape, 11, 14))

    assert torch.autograd.gradcheck(sums, shape, eps=1e-7, atol=2e-4, rtol=1e-3)
    (gradient,) = torch.autograd.grad(sums(shape).sum(), shape)
    assert (gradient.abs().amax(0) > 0).all()  # every parameter has one


@pytest.mark.parametrize(("large", "small", "limit"), [(512, 128, 3e-4), (128, 64, 5e-4)])
def test_a_stroke_is_the_same_at_every_size(
    kind: Stroke, large: int, small: int, limit: float
) -> None:
    shape = sample(kind, 25, seed=3).float()
    down = avg_pool2d(kind.rasterize(shape, large, large), large // small)
    difference = (down - kind.rasterize(shape, small, small)).square().mean().item()
    print(f"{kind.name}: {large} px averaged down differs from {small} px by {difference:.1e}")
    assert difference <= limit


def test_a_stroke_keeps_its_ink_when_it_is_thinner_than_a_pixel(kind: Stroke) -> None:
    if not sizes(kind):
        pytest.skip("it has no size")
    thin = dict.fromkeys(sizes(kind), 0.0)
    shape = with_values(kind, 0.2 + 0.6 * sample(kind, 30), **thin, opacity=1.0)
    ink = [kind.rasterize(shape, n, n).mean((1, 2, 3)) for n in (32, 128)]
    assert (ink[0] > 0).all()
    torch.testing.assert_close(ink[0].mean(), ink[1].mean(), rtol=0.3, atol=0)


def test_x_is_the_column_and_y_the_row(kind: Stroke) -> None:
    """A small stroke's centre of mass, on a canvas that is not square."""
    x, y, height, width = 0.75, 0.3, 40, 80
    if isinstance(kind, Pixel):
        x, y = 0.625, 0.375  # the middle of a cell
    shape = torch.full((1, kind.shape_dim), 0.1, dtype=torch.float64)
    shape = with_values(kind, shape, x=x, y=y, opacity=1.0)
    if isinstance(kind, Triangle):
        shape[0, :6] = torch.tensor([x - 0.05, y - 0.1, x + 0.05, y - 0.1, x, y + 0.2])
    alpha = kind.rasterize(shape, height, width)[0, 0]
    column = (alpha.sum(0) @ (torch.arange(width).double() + 0.5)) / alpha.sum()
    row = (alpha.sum(1) @ (torch.arange(height).double() + 0.5)) / alpha.sum()
    assert column.item() == pytest.approx(x * width, abs=0.3)
    assert row.item() == pytest.approx(y * height, abs=0.3)


def test_swapping_x_and_y_transposes(kind: Stroke) -> None:
    shape = sample(kind, 20)
    swapped = shape.clone()
    for column, name in enumerate(kind.parameters):
        if name[0] in "xy":
            other = {"x": "y", "y": "x"}[name[0]] + name[1:]
            swapped[:, column] = shape[:, kind.parameters.index(other)]
    swapped = angled(kind, swapped, 1)
    here, there = kind.rasterize(shape, 24, 36), kind.rasterize(swapped, 36, 24)
    torch.testing.assert_close(here, there.transpose(2, 3))


@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_reflected_stroke_is_the_reflected_picture(kind: Stroke, axis: str) -> None:
    shape = sample(kind, 20)
    reflected = shape.clone()
    for column, name in enumerate(kind.parameters):
        relative = isinstance(kind, Bezier) and name == f"{axis}1"  # within the box of the ends
        if name.startswith(axis) and not relative:
            reflected[:, column] = 1 - shape[:, column]
    reflected = angled(kind, reflected, 2 if axis == "x" else 0)
    flipped = kind.rasterize(shape, 24, 36).flip(3 if axis == "x" else 2)
    torch.testing.assert_close(kind.rasterize(reflected, 24, 36), flipped)


def test_a_straight_stroke_is_symmetric() -> None:
    level = torch.tensor([[0.2, 0.5, 0.8, 0.5, 0.15, 0.7, 0.15, 0.7]], dtype=torch.float64)
    alpha = Line().rasterize(level, 32, 48)[0, 0]
    torch.testing.assert_close(alpha, alpha.flip(0), atol=1e-5, rtol=0)
    torch.testing.assert_close(alpha, alpha.flip(1), atol=1e-5, rtol=0)
    assert alpha[16, 24] == pytest.approx(0.7)
    # A Bézier whose control point lies on the line is that line; so is one drawn backwards.
    curve = torch.tensor([[0.2, 0.5, 0.5, 0.5, 0.8, 0.5, 0.15, 0.7, 0.15, 0.7]]).double()
    drawn = Bezier().rasterize(curve, 32, 48)[0, 0]
    torch.testing.assert_close(drawn, alpha, atol=1e-5, rtol=0)


def test_more_size_covers_more(kind: Stroke) -> None:
    if not sizes(kind):
        pytest.skip("it has no size")
    shape = with_values(kind, sample(kind, 50), opacity=1.0)
    before = torch.zeros(50, 1, 20, 30, dtype=torch.float64)
    for size in (0.0, 0.02, 0.1, 0.3, 1.0):
        grown = with_values(kind, shape, **dict.fromkeys(sizes(kind), size))
        alpha = kind.rasterize(grown, 20, 30)
        assert (alpha >= before - 1e-12).all()
        assert (alpha.sum((1, 2, 3)) > before.sum((1, 2, 3))).all()
        before = alpha


def test_more_opacity_paints_more(kind: Stroke) -> None:
    shape = sample(kind, 50)
    before = kind.rasterize(with_values(kind, shape, opacity=0.0), 20, 30)
    assert (before == 0).all()  # no opacity, no paint
    full = kind.rasterize(with_values(kind, shape, opacity=1.0), 20, 30)
    for opacity in (0.1, 0.5, 1.0):
        alpha = kind.rasterize(with_values(kind, shape, opacity=opacity), 20, 30)
        torch.testing.assert_close(alpha, opacity * full)
        assert (alpha >= before).all()
        before = alpha


def test_the_middle_of_a_stroke_has_its_opacity() -> None:
    disc = torch.tensor([[0.5, 0.5, 0.5, 0.6]], dtype=torch.float64)
    alpha = Circle().rasterize(disc, 32, 32)[0, 0]
    assert alpha[16, 16] == pytest.approx(0.6)
    assert alpha[0, 0] == 0
    radius = 32 * (1 + 64 * 0.5) / 256
    assert alpha.sum().item() == pytest.approx(0.6 * torch.pi * radius**2, rel=1e-2)
    corners = torch.tensor([[0.1, 0.1, 0.9, 0.1, 0.5, 0.9, 0.6]], dtype=torch.float64)
    alpha = Triangle().rasterize(corners, 32, 32)[0, 0]
    assert alpha[10, 16] == pytest.approx(0.6)
    assert alpha.sum().item() == pytest.approx(0.6 * 0.8 * 0.8 / 2 * 32**2, rel=1e-2)


def test_opacity_is_linear_along_a_stroke() -> None:
    line = torch.tensor([[0.1, 0.5, 0.9, 0.5, 0.05, 0.2, 0.05, 1.0]], dtype=torch.float64)
    alpha = Line().rasterize(line, 64, 64)[0, 0, 32]
    radius = 64 * (1 + 64 * 0.05) / 256  # a pixel shows the last disc over it: one radius behind
    for column in (16, 32, 48):
        t = ((column + 0.5 + radius) / 64 - 0.1) / 0.8
        assert alpha[column].item() == pytest.approx(0.2 + 0.8 * t, abs=0.05)


def test_later_paint_replaces_earlier() -> None:
    # The pen stands still: what is seen is its last opacity.
    dots = torch.full((2, 10), 0.5, dtype=torch.float64)
    dots[:, [6, 8]] = 0.3
    dots[:, [7, 9]] = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    seen = Bezier().rasterize(dots, 32, 32)[:, 0, 16, 16]
    torch.testing.assert_close(seen, dots[:, 9], atol=0.07, rtol=0)
    # It goes to the right and comes back to 0.4: its way back covers its way there.
    for opacity0, opacity1 in ((1.0, 0.0), (0.0, 1.0)):
        hook = [0.2, 0.5, 3.0, 0.5, 0.4, 0.5, 0.1, opacity0, 0.1, opacity1]
        shape = torch.tensor([hook], dtype=torch.float64)
        alpha = Bezier().rasterize(shape, 64, 64)[0, 0]
        assert abs(alpha[32, 26].item() - opacity1) < 0.07
        by_discs = torch.from_numpy(algorithm_1(shape[0].numpy(), 64))
        assert (alpha - by_discs).square().mean() < 1e-3


def test_radii_are_fractions_of_the_shorter_side() -> None:
    assert frame.radius_pixels(torch.tensor(0.0), 128, 300).item() == 0.5
    assert frame.radius_pixels(torch.tensor(1.0), 256, 128).item() == 32.5
