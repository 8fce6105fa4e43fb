"""Rectangles and squares on a grid, by exact values."""

import math

import pytest
import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.strokes import Pixel, Rectangle
from impasto.strokes.conversion import from_record, into_range


def rectangle(*values: float) -> Tensor:
    """x, y, width and height in fractions of the shorter side, angle in radians, opacity."""
    x, y, width, height, angle, opacity = values
    record = {"x": x, "y": y, "width": width, "height": height, "angle": angle, "opacity": opacity}
    return from_record(Rectangle(), record)[None].double()


def test_an_upright_rectangle_is_exact_at_any_width() -> None:
    for width, height in ((8.0, 4.0), (8.5, 3.3), (0.4, 6.0)):
        shape = rectangle(0.5, 0.5, width / 32, height / 32, 0.0, 1.0)
        alpha = Rectangle().rasterize(shape, 32, 48)[0, 0]
        assert alpha.sum().item() == pytest.approx(width * height, rel=1e-5)
        assert (alpha > 1e-6).sum(1).max() == 2 * math.ceil(width / 2)
    thin = Rectangle().rasterize(rectangle(20.25 / 48, 0.5, 0.4 / 32, 6 / 32, 0.0, 1.0), 32, 48)
    torch.testing.assert_close(thin[0, 0, 16, 19:22], torch.tensor([0.0, 0.4, 0.0]).double())


@pytest.mark.parametrize("degrees", [7, 30, 45, 60, 90, 133])
@pytest.mark.parametrize("size", [(0.5, 0.2), (0.4, 0.01), (0.02, 0.4)])
def test_a_turned_rectangle_keeps_its_area(degrees: float, size: tuple[float, float]) -> None:
    shape = rectangle(0.5, 0.5, *size, math.radians(degrees), 0.7)
    alpha = Rectangle().rasterize(shape, 48, 48)
    assert alpha.sum().item() == pytest.approx(0.7 * size[0] * size[1] * 48**2, rel=0.02)


def test_the_angle_is_clockwise_from_x() -> None:
    alpha = Rectangle().rasterize(rectangle(0.5, 0.5, 0.5, 0.02, math.pi / 4, 1.0), 32, 32)[0, 0]
    assert alpha[19, 19] > 0.4  # down to the right
    assert alpha[10, 21] == 0
    # A quarter turn swaps the sides, half a turn changes nothing.
    here = Rectangle().rasterize(rectangle(0.4, 0.6, 0.3, 0.1, 0.3, 1.0), 24, 32)
    quarter = rectangle(0.4, 0.6, 0.1, 0.3, 0.3 + math.pi / 2, 1.0)
    torch.testing.assert_close(Rectangle().rasterize(quarter, 24, 32), here)
    half = rectangle(0.4, 0.6, 0.3, 0.1, 0.3 + math.pi, 1.0)
    torch.testing.assert_close(Rectangle().rasterize(half, 24, 32), here)


def test_angles_turn_on_and_all_else_is_cut_off() -> None:
    moved = torch.tensor([[-0.5, 1.5, 1.25, 0.5, 1.25, -0.1, 2.0, 0.5, 0.5]])
    expected = torch.tensor([[0.0, 1.0, 1.0, 0.5, 0.25, 0.0, 1.0, 0.5, 0.5]])
    assert torch.equal(into_range(Rectangle(), moved), expected)
    moved[0, 4] = -0.25
    assert into_range(Rectangle(), moved)[0, 4] == 0.75


@pytest.mark.parametrize("canvas", [(32, 32), (48, 16)])
def test_a_pixel_fills_its_cell_and_nothing_else(canvas: tuple[int, int]) -> None:
    height, width = canvas
    generator = torch.Generator().manual_seed(0)
    shape = Pixel(grid=8).sample(50, generator)
    alpha = Pixel(grid=8).rasterize(shape, height, width)[:, 0]
    cells = (shape[:, :2] * 8).floor().long()
    for one, (column, row), opacity in zip(alpha, cells.tolist(), shape[:, 2], strict=True):
        expected = torch.zeros(8, 8)
        expected[row, column] = opacity
        expected = expected.repeat_interleave(height // 8, 0).repeat_interleave(width // 8, 1)
        assert torch.equal(one, expected)


def test_the_border_belongs_to_the_last_cell() -> None:
    alpha = Pixel(grid=4).rasterize(torch.tensor([[1.0, 0.0, 1.0], [1.5, -1.0, 1.0]]), 8, 8)
    assert (alpha[:, 0, 0:2, 6:8] == 1).all()
    assert alpha.sum() == 8


def test_cells_that_are_not_whole_pixels_share_them_exactly() -> None:
    alpha = Pixel(grid=4).rasterize(torch.tensor([[0.4, 0.1, 1.0]]), 6, 6)[0, 0]  # of 1.5 px
    expected = torch.zeros(6, 6)
    expected[0, 1:3] = torch.tensor([0.5, 1.0])
    expected[1, 1:3] = torch.tensor([0.25, 0.5])
    torch.testing.assert_close(alpha, expected)


def test_a_pixel_is_pulled_to_the_cell_where_more_paint_is_wanted() -> None:
    """Its gradient in x is what the two cells that it would share gain and lose."""
    shape = torch.tensor([[0.45, 0.3, 0.8]], dtype=torch.float64, requires_grad=True)
    weight = torch.zeros(8, 8, dtype=torch.float64)
    weight[2:4, 0:2] = 5.0  # cells of two by two pixels: (row 1, column 0)
    weight[2:4, 2:4] = 1.0  # the cell it is in
    weight[2:4, 4:6] = 7.0
    total = (Pixel(grid=4).rasterize(shape, 8, 8)[0, 0] * weight).sum()
    assert total.item() == pytest.approx(0.8 * 4)
    (gradient,) = torch.autograd.grad(total, shape)
    # 0.45 * 4 = 1.8 cells: a square around it lies over columns 1 and 2, and, as 0.3 * 4 = 1.2,
    # over rows 0 and 1 by 0.3 and 0.7. A cell to the right costs 4 * 1 and gains 4 * 7.
    expected = torch.tensor([[4 * 0.8 * 0.7 * (7 - 1) * 4, 4 * 0.8 * (0.7 + 0.3 * 7) * 4, 4.0]])
    torch.testing.assert_close(gradient, expected.double())


@pytest.mark.parametrize("point", [0.0, 0.05, 1.0])
def test_a_pixel_at_the_border_has_a_gradient(point: float) -> None:
    shape = torch.tensor([[point, 0.5, 1.0]], requires_grad=True)
    column = torch.arange(16.0)
    alpha = Pixel().rasterize(shape, 16, 16)[0, 0]
    (gradient,) = torch.autograd.grad((alpha * column).sum(), shape, retain_graph=True)
    assert gradient[0, 0].item() == pytest.approx(16.0)
    # In y, too, and no steeper than elsewhere: by 16 cells a side what it paints of its column.
    own = alpha[:, int(min(15, point * 16))]
    (gradient,) = torch.autograd.grad((own * column).sum(), shape)
    assert gradient[0, 1].item() == pytest.approx(16.0 * (0.7 if point == 0.05 else 1.0))


@pytest.mark.parametrize("grid", [0, -4, 2.5, "8", True, 5000, None])
def test_a_grid_that_makes_no_sense_is_refused(grid: object) -> None:
    with pytest.raises(UserError, match=r"^`grid` is .* — give a whole number, from 1 to 1024$"):
        Pixel(grid)  # type: ignore[arg-type]
