"""A stroke drawn in a window and in chunks, and the box outside of which it paints nothing."""

import pytest
import torch

from impasto.strokes import Stroke
from impasto.strokes.raster import coverage, pen
from impasto.strokes.raster.frame import Windows
from tests.impasto.strokes.kinds import KINDS, bounds, rasterize_windows

H, W = 48, 70


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def stroke(request: pytest.FixtureRequest) -> Stroke:
    kind: Stroke = request.param
    return kind


def shapes(stroke: Stroke, count: int = 20) -> torch.Tensor:
    return stroke.sample(count, torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bits_are_drawn_in_32(stroke: Stroke, dtype: torch.dtype) -> None:
    """As they come out of a network that runs in them."""
    shape = shapes(stroke, 4).to(dtype).requires_grad_()
    alpha = stroke.rasterize(shape, H, W)
    assert torch.equal(alpha, stroke.rasterize(shape.detach().float(), H, W))
    (gradient,) = torch.autograd.grad(alpha.sum(), shape)
    assert gradient.dtype == dtype
    assert gradient.isfinite().all()


def test_window_is_a_crop(stroke: Stroke) -> None:
    shape = shapes(stroke)
    corner = torch.stack([torch.arange(20) * 2, torch.arange(20)], dim=1)
    window = rasterize_windows(stroke, shape, H, W, corner, rows=24, columns=30)
    whole = stroke.rasterize(shape, H, W)
    for n, (x, y) in enumerate(corner.tolist()):
        torch.testing.assert_close(window[n, 0], whole[n, 0, y : y + 24, x : x + 30])


def test_window_has_the_gradient_of_a_crop(stroke: Stroke) -> None:
    shape = shapes(stroke, 6).requires_grad_()
    corner = torch.tensor([[11, 7]]).expand(6, 2)
    inside = stroke.rasterize(shape, H, W)[:, :, 7:31, 11:41].square().sum()
    of_crop = torch.autograd.grad(inside, shape)
    window = rasterize_windows(stroke, shape, H, W, corner, 24, 30).square().sum()
    torch.testing.assert_close(torch.autograd.grad(window, shape), of_crop)


def test_a_shape_may_have_many_windows(stroke: Stroke) -> None:
    shape = shapes(stroke, 5).requires_grad_()
    owner = torch.tensor([3, 0, 3, 3, 4, 1])
    corner = torch.tensor([[0, 0], [5, 9], [30, 20], [11, 7], [2, 2], [40, 24]])
    weight = torch.rand(6, 1, 24, 30, dtype=torch.float64)
    each = rasterize_windows(stroke, shape[owner], H, W, corner, 24, 30)
    shared = rasterize_windows(stroke, shape, H, W, corner, 24, 30, owner)
    torch.testing.assert_close(shared, each)
    gradients = (torch.autograd.grad((alpha * weight).sum(), shape)[0] for alpha in (each, shared))
    torch.testing.assert_close(*gradients)


def test_nothing_is_painted_outside_the_bounds(stroke: Stroke) -> None:
    shape = shapes(stroke, 200)
    whole = stroke.rasterize(shape, H, W)[:, 0]
    boxes = bounds(stroke, shape, H, W)
    assert boxes.shape == (200, 4)
    for alpha, (left, top, right, bottom) in zip(whole, boxes.tolist(), strict=True):
        assert 0 <= left < right <= W
        assert 0 <= top < bottom <= H
        alpha[top:bottom, left:right] = 0
        assert alpha.max() == 0
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1).double().mean()
    assert area < 0.6 * H * W  # and the boxes save something


def test_untouched_windows_have_no_paint(stroke: Stroke) -> None:
    shape = shapes(stroke, 50)
    tiles = torch.cartesian_prod(torch.arange(0, W - 8, 8), torch.arange(0, H, 8))
    owner = torch.arange(50).repeat_interleave(len(tiles))
    corner = tiles.repeat(50, 1)
    alpha = rasterize_windows(stroke, shape, H, W, corner, 8, 8, owner)
    painted = alpha.amax((1, 2, 3)) > 0
    touched = stroke.outlines(shape, H, W).touched(Windows(8, 8, owner, corner))
    assert not (painted & ~touched).any()
    if stroke.name in ("bezier", "line"):  # it saves something
        assert touched.sum() < 1.3 * painted.sum()


def test_bounds_of_a_stroke_on_or_past_the_border_hold_a_pixel(stroke: Stroke) -> None:
    for value in (-0.5, 0.0, 1.0, 1.5):  # a record may hold points outside
        left, top, right, bottom = bounds(stroke, torch.full((1, stroke.shape_dim), value), H, W)[0]
        assert 0 <= left < right <= W
        assert 0 <= top < bottom <= H


def test_chunks_draw_the_same(stroke: Stroke, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = shapes(stroke, 7).requires_grad_()
    weight = torch.rand(7, 1, 12, 16, dtype=torch.float64)
    monkeypatch.setattr(pen, "kernel_of", lambda device: None)  # which has no chunks

    def draw() -> tuple[torch.Tensor, torch.Tensor]:
        alpha = stroke.rasterize(shape, 12, 16)
        return alpha.detach(), torch.autograd.grad((alpha * weight).sum(), shape)[0]

    whole = draw()
    redrawn: list[int] = []
    real = coverage.checkpoint

    def counted(*args: object, **kwargs: object) -> object:
        redrawn.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(coverage, "checkpoint", counted)
    monkeypatch.setattr(coverage, "_CHUNK_PIXELS", 3 * 12 * 16)  # of 3, 3 and 1
    torch.testing.assert_close(draw(), whole)
    assert not redrawn
    monkeypatch.setattr(coverage, "_SAVED_VALUES", 1)
    torch.testing.assert_close(draw(), whole)
    assert len(redrawn) == 3


def test_an_accelerator_draws_all_at_once() -> None:
    """Where starting an operation costs more than it does."""
    sizes: list[int] = []

    def draw(given: torch.Tensor) -> torch.Tensor:
        sizes.append(len(given))
        return given.new_zeros(len(given), 128, 128)

    for device in ("cpu", "meta"):
        drawn = coverage.in_chunks(draw, 128 * 128, 1, torch.empty(20, 4, device=device))
        assert drawn.shape == (20, 128, 128)
    assert sizes == [8, 8, 4, 20]
