"""The compiled canvas beside the reference by tensor operations: `TiledCanvas`."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch

from impasto.painters.fused_canvas import FusedCanvas, FusedDrawing
from impasto.painters.objective import Distance, structural_distance
from impasto.painters.tiled_canvas import TiledCanvas, canvas_beside
from impasto.strokes import Bezier, Line, Stroke
from impasto.strokes.conversion import columns
from impasto.strokes.curves import PenStroke
from impasto.strokes.raster.frame import Frame
from impasto.strokes.raster.pen_eager import hull_coverage
from impasto.strokes.raster.tile_pen import count_segments, cut
from impasto.strokes.raster.tile_source import TILE
from impasto.strokes.tile_rows import shares
from tests.impasto.strokes.kinds import KINDS, every_kind, hard_shapes, names

H, W, N = 50, 70, 30  # no side is whole tiles
BACKGROUND = (0.1, 0.2, 0.3)
PENS = [kind for kind in KINDS if isinstance(kind, PenStroke)]
EXACT = [kind for kind in KINDS if kind.name != "pixel"]  # its gradient is of what is not drawn
LENGTHS = ("radius", "width", "height", "size")
WIDE = [kind for kind in KINDS if names(kind, *LENGTHS)]
LIMITED = [
    *every_kind(opaque=True),
    *(type(kind)(opaque=True, max_width=0.2) for kind in PENS),
    Bezier(max_length=0.3, palette=[[0.1, 0.2, 0.3], [0.9, 0.8, 0.7]]),
]


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some(stroke: Stroke, count: int = N, seed: int = 0) -> torch.Tensor:
    """Strokes (count, D) within limits."""
    shape = stroke.sample(count, random(seed))
    return stroke.limit(torch.cat([shape, torch.rand(count, 3, generator=random(seed + 1))], 1))


def both(
    stroke: Stroke,
    weighted: bool = False,
    size: tuple[int, int] = (H, W),
    distance: Distance | None = None,
) -> tuple[TiledCanvas, FusedCanvas]:
    target = torch.rand(3, *size, generator=random(2))
    weight = 2 * torch.rand(size, generator=random(3)) if weighted else None
    parts = (stroke, target, BACKGROUND, weight, distance)
    return TiledCanvas(*parts), FusedCanvas(*parts)


def gradient(tiled: TiledCanvas, strokes: torch.Tensor) -> torch.Tensor:
    leaf = strokes.clone().requires_grad_()
    (of_strokes,) = torch.autograd.grad(tiled.draw(leaf).error, leaf)
    return of_strokes


def assert_near(actual: torch.Tensor, expected: torch.Tensor, share: float = 1e-5) -> None:
    """Both are the same but for rounding, which is judged by the largest number there is."""
    most = float(expected.abs().max()) if expected.numel() else 0.0
    torch.testing.assert_close(actual, expected, rtol=0, atol=share * most + 1e-6)


def assert_same(reference: TiledCanvas, fused: FusedCanvas, strokes: torch.Tensor) -> None:
    """Assert that all that is asked of a canvas is the same."""
    drawn, expected = fused.draw(strokes), reference.draw(strokes)
    assert float(drawn.error) == pytest.approx(float(expected.error), rel=1e-5)
    assert drawn.psnr == pytest.approx(expected.psnr, abs=1e-4)
    # Where two segments of a pen come as near to a pixel, either may be the one that shows.
    assert_near(gradient(fused, strokes), gradient(reference, strokes), 2e-4)
    over = torch.rand(3, *reference.target.shape[1:], generator=random(4))
    below = over.clone()
    shape = strokes[:, : reference.stroke.shape_dim]
    assert_near(fused.canvas(strokes), reference.canvas(strokes))
    assert_near(fused.canvas(strokes, over), reference.canvas(strokes, over))
    assert_near(fused.worth(strokes), reference.worth(strokes), 1e-4)
    assert_near(fused.color_sums(shape, over), reference.color_sums(shape, over), 1e-4)
    assert torch.equal(over, below)


@pytest.mark.parametrize("weighted", [False, True], ids=["even", "weighted"])
@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_all_is_as_the_reference_has_it(stroke: Stroke, weighted: bool) -> None:
    assert_same(*both(stroke, weighted), some(stroke))


@pytest.mark.parametrize("stroke", [PENS[0], KINDS[-1]], ids=lambda kind: kind.name)
def test_a_further_distance_has_its_gradient(stroke: Stroke) -> None:
    reference, fused = both(stroke, True, distance=structural_distance)
    strokes = some(stroke)
    assert_same(reference, fused, strokes)
    plain = both(stroke, True)[1]
    added = structural_distance(fused.canvas(strokes), fused.target, fused.weight)
    assert float(fused.draw(strokes).error - plain.draw(strokes).error) == pytest.approx(
        float(added), rel=1e-4
    )
    assert float(added) > 0.001


@pytest.mark.parametrize("stroke", LIMITED, ids=lambda kind: f"{kind.name}{kind.limits()}")
def test_strokes_within_limits_are_drawn_the_same(stroke: Stroke) -> None:
    reference, fused = both(stroke)
    free = torch.cat([stroke.sample(N, random(0)), torch.rand(N, 3, generator=random(1))], dim=1)
    assert_same(reference, fused, stroke.limit(free))
    for tiled in (reference, fused):  # through the limits
        leaf = free.clone().requires_grad_()
        leaf.grad = torch.autograd.grad(tiled.draw(stroke.limit(leaf)).error, leaf)[0]
        if tiled is reference:
            expected = leaf.grad
    assert_near(leaf.grad, expected, 2e-4)


@pytest.mark.parametrize("stroke", [*PENS, KINDS[-1]], ids=lambda kind: kind.name)
@pytest.mark.parametrize("size", [(16, 16), (1, 40), (7, 5), (33, 100)])
def test_a_canvas_of_any_size(stroke: Stroke, size: tuple[int, int]) -> None:
    assert_same(*both(stroke, True, size), some(stroke, 8))


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_no_strokes(stroke: Stroke) -> None:
    reference, fused = both(stroke)
    none = torch.empty(0, stroke.dim)
    drawing = fused.draw(none, fits=True)
    assert float(drawing.error) == pytest.approx(float(reference.draw(none).error), rel=1e-6)
    assert gradient(fused, none).shape == (0, stroke.dim)
    assert torch.equal(fused.canvas(none), reference.canvas(none))
    assert fused.worth(none).shape == (0,)
    assert fused.fit(none, drawing, 1e-5).shape == (0, stroke.dim)
    assert fused.color_sums(none[:, :-3], fused.target).shape == (0, 5)


@pytest.mark.parametrize("stroke", EXACT, ids=lambda kind: kind.name)
def test_strokes_outside_of_the_canvas_change_nothing(stroke: Stroke) -> None:
    strokes = some(stroke, 8)
    along = [name for name in names(stroke, "x", "y") if name not in stroke.relative]
    strokes[:4, columns(stroke, along)] += 9
    strokes[4:, columns(stroke, along)] -= 9
    reference, fused = both(stroke)
    assert_same(reference, fused, strokes)
    assert (gradient(fused, strokes) == 0).all()
    assert (fused.worth(strokes) == 0).all()
    blank = torch.tensor(BACKGROUND).view(3, 1, 1).expand(3, H, W)
    assert torch.equal(fused.canvas(strokes), blank)
    fitted = fused.fit(strokes, fused.draw(strokes, fits=True), 1e-5)
    torch.testing.assert_close(fitted, strokes)  # what is not seen stays
    mixed = torch.cat([strokes[:4], some(stroke, 8, seed=5), strokes[4:]])
    assert_same(reference, fused, mixed)


@pytest.mark.parametrize("stroke", WIDE, ids=lambda kind: kind.name)
def test_strokes_thinner_than_a_pixel(stroke: Stroke) -> None:
    lengths = columns(stroke, names(stroke, *LENGTHS))
    strokes = some(stroke)
    strokes[:, lengths] = -0.014 + 0.01 * strokes[:, lengths]  # 0.02 to 0.15 pixels
    assert_same(*both(stroke), strokes)


@pytest.mark.parametrize("stroke", PENS, ids=lambda kind: kind.name)
def test_hard_strokes_of_a_pen(stroke: PenStroke) -> None:
    shape = hard_shapes(stroke, 12)
    strokes = torch.cat([shape, torch.rand(12, 3, generator=random(1))], dim=1)
    assert gradient(both(stroke)[1], strokes).isfinite().all()
    # The pen that stands has an edge whose gradient depends on where its segments point.
    assert_same(*both(stroke), strokes[1:])


@pytest.mark.parametrize("broken", [torch.nan, torch.inf])
@pytest.mark.parametrize("stroke", PENS, ids=lambda kind: kind.name)
def test_a_curve_that_is_no_number_leaves_the_others_alone(
    stroke: PenStroke, broken: float
) -> None:
    _, fused = both(stroke)
    strokes = some(stroke, 8)
    strokes[3, : stroke.shape_dim] = broken
    expected = fused.canvas(torch.cat([strokes[:3], strokes[4:]]))
    assert torch.equal(fused.canvas(strokes), expected)
    assert fused.draw(strokes).error.isfinite()


@pytest.mark.parametrize("weighted", [False, True], ids=["even", "weighted"])
@pytest.mark.parametrize("stroke", EXACT, ids=lambda kind: kind.name)
def test_the_references_gradient_is_that_of_finite_differences(
    stroke: Stroke, weighted: bool
) -> None:
    target = torch.rand(3, 20, 28, generator=random(2)).double()
    weight = 2 * torch.rand(20, 28, generator=random(3)).double() if weighted else None
    tiled = TiledCanvas(stroke, target, BACKGROUND, weight)
    strokes = some(stroke, 3).double().requires_grad_()

    def error(strokes: torch.Tensor) -> torch.Tensor:
        return 1e3 * tiled.draw(strokes).error

    assert torch.autograd.gradcheck(error, strokes, eps=1e-7, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("weighted", [False, True], ids=["even", "weighted"])
@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_fitted_colors_lower_the_error_as_much(stroke: Stroke, weighted: bool) -> None:
    true = some(stroke)
    picture = TiledCanvas(stroke, torch.zeros(3, H, W), BACKGROUND).canvas(true)
    noise = 0.1 * torch.randn(picture.shape, generator=random(5))
    weight = 2 * torch.rand(H, W, generator=random(3)) if weighted else None
    gains = []
    for canvas in (TiledCanvas, FusedCanvas):
        tiled = canvas(stroke, (picture + noise).clamp(0, 1), BACKGROUND, weight)
        strokes = torch.cat([true[:, :-3], torch.rand(N, 3, generator=random(6))], dim=1)
        before = tiled.draw(strokes, fits=True)
        fitted = tiled.fit(strokes, before, 1e-5)
        assert torch.equal(fitted[:, :-3], strokes[:, :-3])
        assert fitted[:, -3:].min() >= 0
        assert fitted[:, -3:].max() <= 1
        fitted = tiled.fit(fitted, before, 1e-5)  # it begins where the one before ended
        gains.append(float(before.error - tiled.draw(fitted).error))
    assert gains[1] > 0.99 * gains[0] > 0


def test_a_far_away_solution_is_drawn_to_the_colors_of_now() -> None:
    reference, fused = both(Bezier())
    strokes = some(Bezier())
    fitted = [
        tiled.fit(strokes, tiled.draw(strokes, fits=True), ridge=100.0)
        for tiled in (reference, fused)
    ]
    torch.testing.assert_close(fitted[1], fitted[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(fitted[1], strokes, rtol=0, atol=1e-2)


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("stroke", [Bezier(), KINDS[2]], ids=lambda kind: kind.name)
def test_the_number_of_threads_changes_no_bit(stroke: Stroke) -> None:
    strokes = some(stroke, 300)
    results = []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        _, fused = both(stroke, weighted=True)
        drawing = fused.draw(strokes, fits=True)
        assert len(shares(drawing.layout.start)) == count + 1  # all have work
        results.append(
            [
                drawing.error,
                gradient(fused, strokes),
                fused.canvas(strokes),
                fused.worth(strokes),
                fused.fit(strokes, drawing, 1e-5),
                fused.color_sums(strokes[:, :-3], fused.target),
            ]
        )
    for other in results[1:]:
        assert all(map(torch.equal, results[0], other))


def crowded() -> torch.Tensor:
    """Wide, short strokes whose opacity changes a lot: each segment shows on every line."""
    strokes = some(Line(), 60)
    jitter = 0.05 * torch.rand(60, 4, generator=random(7))
    strokes[:, 0:4] = torch.tensor([0.1, 0.25, 0.35, 0.25]) + jitter
    strokes[:, columns(Line(), ["radius0", "radius1"])] = 0.9
    strokes[:, columns(Line(), ["opacity0", "opacity1"])] = torch.tensor([0.0, 1.0])
    return strokes


def notes_of(strokes: torch.Tensor, side: int) -> int:
    """How many segments show on how many lines of the first tile, as `hull_coverage` has it."""
    curves = Line().form(strokes[:, :-3], side, side)[1].numpy()
    first = np.empty(len(curves) + 1, np.int64)
    count_segments(curves, first)
    segments = np.empty((first[-1], 10), np.float32)
    cut(curves, first, segments)
    x, y, cosine, sine, *pen = torch.from_numpy(segments).t()[:, :, None, None]  # (S, 1, 1) each
    down, along = torch.meshgrid(*[torch.arange(TILE) + 0.5] * 2, indexing="ij")
    dx, dy = along - x, down - y
    coverage = hull_coverage(dx * cosine + dy * sine, dy * cosine - dx * sine, *pen)  # (S, T, T)
    total = 0
    for begin, end in pairwise(first.tolist()):
        latest = coverage[begin:end].flip(0)
        before = torch.cat([torch.zeros(1, TILE, TILE), latest.cummax(0).values[:-1]])
        total += int((latest > before).any(2).sum())
    return total


def test_more_notes_than_there_is_room_for() -> None:
    strokes = crowded()
    assert notes_of(strokes, 32) > 1.2 * len(strokes) * TILE * 8  # room for so many is made first
    assert_same(*both(Line(), size=(32, 32)), strokes)


@pytest.mark.parametrize("stroke", PENS, ids=lambda kind: kind.name)
@pytest.mark.parametrize(("height", "width"), [(32, 32), (128, 200), (1200, 700)])
def test_segments_are_counted_as_the_reference_does(
    stroke: PenStroke, height: int, width: int
) -> None:
    shape = stroke.sample(1000, random(0))
    first = np.empty(1001, np.int64)
    count_segments(stroke.form(shape, height, width)[1].numpy(), first)
    needed = stroke._needed(shape, Frame(height, width, height, width))
    assert len(needed.unique()) > 8
    assert torch.equal(torch.from_numpy(np.diff(first)), needed)


def test_the_fastest_canvas_is_the_compiled_one_where_it_can_be() -> None:
    target = torch.rand(3, H, W)
    assert isinstance(canvas_beside(Bezier(), target, BACKGROUND), FusedCanvas)
    assert type(canvas_beside(Bezier(), target.double(), BACKGROUND)) is TiledCanvas
    assert isinstance(FusedCanvas(Bezier(), target, BACKGROUND).draw(some(Bezier())), FusedDrawing)
