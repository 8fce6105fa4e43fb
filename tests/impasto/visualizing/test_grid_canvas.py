"""Canvases that overlap: where they lie, and that strokes lie where they should."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from impasto.canvas import blank_canvas
from impasto.compositing import composite
from impasto.errors import UserError
from impasto.renderers import AnalyticRenderer
from impasto.rendering import draw_canvas
from impasto.strokes import Bezier, Circle
from impasto.strokes.conversion import to_record
from impasto.visualizing import Grid, GridCanvas

BACKGROUND = (0.1, 0.2, 0.3)


def circle(x: float, y: float, radius: float, color: tuple[float, float, float]) -> list[float]:
    return [x, y, radius, 1.0, *color]


@pytest.mark.parametrize(
    ("height", "width", "canvases", "overlap", "tops", "lefts"),
    [
        (300, 300, 1, 0.25, (0,), (0,)),
        (300, 300, 2, 0.25, (0, 24), (0, 24)),
        (300, 300, 3, 0.5, (0, 16, 32), (0, 16, 32)),
        # 8 x 12 tiles: four more than a canvas, six at most from one to the next
        (400, 600, 1, 0.25, (0,), (0, 16)),
        (600, 400, 1, 0.25, (0, 16), (0,)),
        # the least overlap there is, a tile
        (10, 10, 2, 0.01, (0, 28), (0, 28)),
    ],
)
def test_where_canvases_lie(
    height: int,
    width: int,
    canvases: int,
    overlap: float,
    tops: tuple[int, ...],
    lefts: tuple[int, ...],
) -> None:
    grid = Grid.over(height, width, 32, canvases, overlap)
    assert (grid.tops, grid.lefts) == (tops, lefts)
    assert (grid.height, grid.width) == (tops[-1] + 32, lefts[-1] + 32)
    assert len(grid) == len(grid.corners) == len(tops) * len(lefts)


@pytest.mark.parametrize("overlap", [0.2, 0.25, 0.5, 0.8])
@pytest.mark.parametrize("aspect", [1.0, 1.3, 1.77, 5.0])
def test_every_neighbour_overlaps_and_the_aspect_is_kept(overlap: float, aspect: float) -> None:
    grid = Grid.over(1000, round(1000 * aspect), 64, 3, overlap)
    for places in (grid.tops, grid.lefts):
        steps = [after - before for before, after in pairwise(places)]
        least = max(1, round(overlap * 8)) * 8
        assert all(0 < step <= 64 - least for step in steps)
    assert abs(grid.width / grid.height - aspect) <= 4 / grid.height + 1e-9


@pytest.mark.parametrize("overlap", [0.0, -0.25, 0.9, 1.0])
def test_canvases_beside_or_on_each_other_are_refused(overlap: float) -> None:
    with pytest.raises(UserError, match=f"^`overlap` is {overlap} — .*, above 0, at most 0.875$"):
        Grid.over(100, 100, 64, 2, overlap)


def slowly(grid: Grid, strokes: Tensor, stroke: Circle | Bezier) -> Tensor:
    """Each stroke laid on its window of the picture, one after the other."""
    picture = blank_canvas(1, grid.height, grid.width, BACKGROUND)
    for number, one in enumerate(strokes):
        left, top = grid.corners[number % len(grid)].tolist()
        alpha = stroke.rasterize(one[None, :-3], grid.side, grid.side)
        part = picture[:, :, top : top + grid.side, left : left + grid.side]
        part[:] = composite(part.clone(), alpha, one[None, -3:])
    return picture[0]


def test_a_grid_is_painted_as_stroke_after_stroke_would_be() -> None:
    stroke, grid = Bezier(), Grid.over(50, 70, 16, 2, 0.25)
    generator = torch.Generator().manual_seed(0)
    strokes = torch.rand(3 * len(grid) + 2, stroke.dim, generator=generator)  # not all alike many
    canvas = GridCanvas(AnalyticRenderer(stroke, 16), grid, len(strokes), BACKGROUND)
    painted = canvas.draw(strokes)
    assert painted.shape == (3, grid.height, grid.width)
    torch.testing.assert_close(painted, slowly(grid, strokes, stroke), atol=1e-5, rtol=0)


def test_the_gradient_of_a_grid() -> None:
    stroke, grid = Circle(), Grid.over(16, 16, 16, 2, 0.25)
    strokes = torch.rand(5, stroke.dim, generator=torch.Generator().manual_seed(1)).double()
    strokes = (0.2 + 0.6 * strokes).requires_grad_()
    canvas = GridCanvas(AnalyticRenderer(stroke, 16), grid, 5, BACKGROUND)
    canvas._ground = canvas._ground.double()
    assert torch.autograd.gradcheck(canvas.draw, strokes, atol=1e-4, fast_mode=True)


def test_a_stroke_near_a_seam_is_drawn_once_and_where_it_was_found() -> None:
    """It lies where four canvases overlap, and within its own."""
    stroke, grid = Circle(), Grid.over(64, 64, 32, 2, 0.5)  # 48 px, canvases at 0 and 16
    red, none = (1.0, 0.0, 0.0), (0.0, 0.0, 0.0)
    for number in range(4):
        strokes = torch.tensor([[0.0, 0.0, 0.0, 0.0, *none]] * 4)  # of no opacity
        # The middle of the picture, 24 px, as each of the canvases has it.
        x, y = ((24 - place) / 32 for place in grid.corners[number].tolist())
        strokes[number] = torch.tensor(circle(x, y, 0.25, red))
        canvas = GridCanvas(AnalyticRenderer(stroke, 32), grid, 4, BACKGROUND)
        placed = grid.of_picture(stroke, strokes)
        assert placed.shape == strokes.shape
        exact = draw_canvas(stroke, placed, 48, 48, BACKGROUND)
        torch.testing.assert_close(canvas.draw(strokes), exact, atol=1e-4, rtol=0)
        center = to_record(stroke, placed[number, :-3])
        assert center["x"] == pytest.approx(0.5)
        assert center["y"] == pytest.approx(0.5)
        paint = (exact[0] - BACKGROUND[0]).sum() / (1 - BACKGROUND[0])  # pixels of it
        radius = (1 + 64 * 0.25) / 256 * 32
        assert float(paint) == pytest.approx(torch.pi * radius**2, rel=0.04)


def test_strokes_of_a_wide_picture_keep_their_shape() -> None:
    stroke, grid = Circle(), Grid.over(100, 300, 32, 1, 0.25)  # 32 x 96 px
    strokes = torch.tensor([circle(0.5, 0.5, 0.5, (1.0, 1.0, 1.0))] * len(grid))
    exact = draw_canvas(stroke, grid.of_picture(stroke, strokes), 32, 96, (0.0, 0.0, 0.0))
    canvas = GridCanvas(AnalyticRenderer(stroke, 32), grid, len(grid), (0.0, 0.0, 0.0))
    torch.testing.assert_close(canvas.draw(strokes), exact, atol=1e-4, rtol=0)


def test_turns_go_around_the_canvases() -> None:
    """Where two overlap, the second round of the first lies over the first round of the second."""
    stroke, grid = Circle(), Grid.over(32, 64, 32, 1, 0.5)  # 32 x 64 px: canvases at 0, 16, 32
    assert grid.lefts == (0, 16, 32)
    colors = [(number / 8, 0.0, 0.0) for number in range(1, 7)]
    strokes = torch.tensor([circle(0.5, 0.5, 1.0, color) for color in colors])
    picture = GridCanvas(AnalyticRenderer(stroke, 32), grid, 6, BACKGROUND).draw(strokes)
    # Circles of 8 px around 16, 32 and 48, each painted twice.
    assert picture[0, 16, 16] == pytest.approx(4 / 8)
    assert picture[0, 16, 32] == pytest.approx(5 / 8)
    assert picture[0, 16, 48] == pytest.approx(6 / 8)


def test_more_canvases_than_strokes_are_refused() -> None:
    grid = Grid.over(64, 64, 32, 2, 0.5)
    with pytest.raises(UserError, match=r"^`strokes=3` is less than one for each .* 4 canvases"):
        GridCanvas(AnalyticRenderer(Circle(), 32), grid, 3, BACKGROUND)


def test_a_renderer_without_a_gradient_is_refused() -> None:
    class Stiff(AnalyticRenderer):
        differentiable = False

    with pytest.raises(UserError, match=r"^Stiff has no gradient"):
        GridCanvas(Stiff(Circle(), 32), Grid(32), 1, BACKGROUND)


def test_paint_that_is_known_to_be_missing_is_not_asked_of_the_renderer() -> None:
    class Halved(Circle):
        def for_renderer(self, shape: Tensor) -> tuple[Tensor, Tensor]:
            return 0.9 * shape, torch.full((len(shape),), 0.5)

    stroke = torch.tensor([circle(0.3, 0.4, 0.2, (1.0, 1.0, 1.0))])
    smaller = torch.cat([0.9 * stroke[:, :4], stroke[:, 4:]], dim=1)
    halved, plain = (
        GridCanvas(AnalyticRenderer(kind, 16), Grid(16), 1, (0.0, 0.0, 0.0))
        for kind in (Halved(), Circle())
    )
    torch.testing.assert_close(halved.draw(stroke), plain.draw(smaller) / 2)
    assert halved.draw(stroke).max() > 0.2
