"""The Triton pen beside the numba pen, both on a CPU: Triton's interpreter stands in for a GPU.

`test_pen_triton.py` runs this in a process of its own, since Triton reads TRITON_INTERPRET when it
is imported.
"""

import pytest
import torch
from torch import Tensor

from impasto.strokes import Bezier, Line, Stroke
from impasto.strokes.raster import pen, pen_kernel, pen_triton
from impasto.strokes.raster.frame import Frame, Windows
from tests.impasto.strokes.kinds import hard_shapes, rasterize_windows
from tests.impasto.strokes.test_pen import drawn, windows

H, W = 40, 56  # neither is a multiple of a tile


@pytest.fixture
def triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pen, "kernel_of", lambda device: pen_triton)


@pytest.mark.parametrize(
    ("stroke", "dtype", "own"), [(Bezier(), torch.float32, True), (Line(), torch.float64, False)]
)
def test_windows_are_drawn_the_same(
    stroke: Stroke, dtype: torch.dtype, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gradient is summed by tiles of their own, or by all of a stroke's together."""
    shape = hard_shapes(stroke).to(dtype)
    places = [part[:9] for part in windows(len(shape))]
    alpha, gradient = drawn(stroke, shape, *places)
    monkeypatch.setattr(pen, "kernel_of", lambda device: pen_triton)
    if not own:
        monkeypatch.setattr(pen_triton, "_OWN_SUMS", 0)
    other, of_other = drawn(stroke, shape, *places)
    fine, scale = (1 if dtype == torch.float32 else 1e-6), gradient.abs().amax(0)
    torch.testing.assert_close(other, alpha, rtol=0, atol=1e-5 * fine)
    close = {"rtol": 1e-4 * fine, "atol": 1e-4 * fine}
    torch.testing.assert_close(of_other / scale, gradient / scale, **close)


def test_a_canvas_of_many_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = hard_shapes(Bezier())[2:4].double().requires_grad_()
    weight = torch.rand(2, 1, H, W, generator=torch.Generator().manual_seed(1)).double()

    def found() -> tuple[Tensor, Tensor]:
        alpha = Bezier().rasterize(shape, H, W)
        return alpha.detach(), torch.autograd.grad((alpha * weight).sum(), shape)[0]

    expected = found()
    monkeypatch.setattr(pen, "kernel_of", lambda device: pen_triton)
    torch.testing.assert_close(found(), expected, rtol=1e-9, atol=1e-9)


def test_more_segments_than_a_word_has_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that crosses itself, and counts that differ."""
    turn = torch.linspace(0, 7, 38, dtype=torch.float64)
    points = torch.stack([14 + 9 * turn.cos(), 10 + 6 * turn.sin()], dim=1).repeat(2, 1, 1)
    radii = torch.linspace(1, 4, 38, dtype=torch.float64).repeat(2, 1)
    opacity = torch.tensor([[0.2, 0.9], [1, 0]], dtype=torch.float64)
    leaves = [tensor.requires_grad_() for tensor in (points, radii, opacity)]
    count = torch.tensor([37, 32])
    weight = torch.rand(2, 20, 28, generator=torch.Generator().manual_seed(1)).double()

    def found() -> list[Tensor]:
        segments = pen.to_segments(points, radii)
        alpha = pen.pen_alpha(segments, opacity, count, Windows(20, 28))
        return [alpha.detach(), *torch.autograd.grad((alpha * weight).sum(), leaves)]

    expected = found()
    assert expected[1][0, 34:].abs().sum() > 0
    monkeypatch.setattr(pen, "kernel_of", lambda device: pen_triton)
    torch.testing.assert_close(found(), expected, rtol=1e-9, atol=1e-9)


def test_segments_that_no_stroke_needs_change_nothing() -> None:
    """On a GPU every stroke has as many as any may need: asking how many would wait."""
    shape = hard_shapes(Bezier()).double()
    points, radii, count = Bezier()._polyline(shape, _frame())
    more = torch.arange(count.max() + 30) / count[:, None]
    along = Bezier()._along(shape, _frame(), more.clamp_max(1).to(shape))
    opacity, whole = shape[:, [7, 9]], Windows(H, W)
    expected = pen_kernel.draw(pen.to_segments(points, radii), opacity, count, whole)
    found = pen_triton.draw(pen.to_segments(*along), opacity, count, whole)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("triton")
def test_a_number_that_is_none_is_seen() -> None:
    shape = Bezier().sample(11, torch.Generator().manual_seed(0))
    shape[range(10), range(10)] = torch.nan
    shape.requires_grad_()
    alpha = Bezier().rasterize(shape, 16, 16)
    assert alpha[:10].isnan().flatten(1).any(1).all()
    assert alpha[10].isfinite().all()
    (gradient,) = torch.autograd.grad(alpha[10].sum(), shape)
    assert gradient[10].isfinite().all()


def test_the_same_windows_are_touched() -> None:
    shape = hard_shapes(Bezier())[2:]
    outlines = Bezier().outlines(shape, H, W)
    tiles = torch.cartesian_prod(torch.arange(0, W, 16), torch.arange(0, H, 16))
    owner = torch.arange(len(shape)).repeat_interleave(len(tiles))
    places = Windows(16, 16, owner, tiles.repeat(len(shape), 1))
    expected = pen_kernel.touches(outlines.segments, outlines.count, places)
    assert 0.1 < expected.float().mean() < 0.9
    assert torch.equal(pen_triton.touches(outlines.segments, outlines.count, places), expected)


@pytest.mark.usefixtures("triton")
def test_nothing_to_draw() -> None:
    empty = torch.empty(0, 10, requires_grad=True)
    corner, owner = torch.empty(0, 2), torch.empty(0, dtype=torch.int64)
    alpha = rasterize_windows(Bezier(), empty, H, W, corner, 8, 8, owner)
    assert alpha.shape == (0, 1, 8, 8)
    (gradient,) = torch.autograd.grad(alpha.sum(), empty)
    assert gradient.shape == (0, 10)
    places = Windows(8, 8, owner, corner)
    assert pen_triton.touches(torch.empty(0, 8, 10), owner, places).shape == (0,)


def _frame() -> Frame:
    return Frame(H, W, H, W)
