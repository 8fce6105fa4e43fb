"""Compositing, and canvases as bytes."""

import pytest
import torch

from impasto.canvas import blank_canvas, to_float, to_uint8
from impasto.compositing import composite, paint

B, K, H, W = 3, 4, 5, 7


def random(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_a_blank_canvas_has_the_background() -> None:
    canvas = blank_canvas(2, 3, 4, (0.25, 0.5, 1.0))
    assert canvas.shape == (2, 3, 3, 4)
    assert canvas.dtype == torch.float32
    assert canvas[:, 0].eq(0.25).all()
    assert canvas[:, 1].eq(0.5).all()
    assert canvas[:, 2].eq(1.0).all()
    canvas[0] = 0  # its pixels are its own
    assert canvas[1, 2].eq(1.0).all()


def test_alpha_0_leaves_and_1_covers() -> None:
    canvas, color = random(B, 3, H, W), random(B, 3)
    alpha = torch.zeros(B, 1, H, W, dtype=torch.float64)
    assert torch.equal(composite(canvas, alpha, color), canvas)
    covered = composite(canvas, alpha + 1, color)
    torch.testing.assert_close(covered, color[:, :, None, None].expand_as(canvas))


def test_composite_is_the_papers_formula() -> None:
    canvas, alpha, color = random(B, 3, H, W), random(B, 1, H, W), random(B, 3)
    expected = canvas * (1 - alpha) + alpha * color[:, :, None, None]
    torch.testing.assert_close(composite(canvas, alpha, color), expected)


def test_a_bundle_is_its_strokes_one_after_another() -> None:
    canvas, alpha, color = random(B, 3, H, W), random(B, K, 1, H, W), random(B, K, 3)
    one_by_one = canvas
    for k in range(K):
        one_by_one = composite(one_by_one, alpha[:, k], color[:, k])
    torch.testing.assert_close(paint(canvas, alpha, color), one_by_one)
    backwards = paint(canvas, alpha.flip(1), color.flip(1))
    assert (backwards - one_by_one).abs().max() > 0.1  # the order matters
    last = alpha.clone()
    last[:, -1] = 1
    top = color[:, -1, :, None, None].expand_as(canvas)
    torch.testing.assert_close(paint(canvas, last, color), top)  # the last one lies on top


def test_gradients() -> None:
    inputs = (random(2, 3, 3, 2), random(2, 2, 1, 3, 2), random(2, 2, 3))
    assert torch.autograd.gradcheck(paint, tuple(t.requires_grad_() for t in inputs))


def test_bytes_are_rounded() -> None:
    levels = torch.tensor([0.0, 0.4, 0.6, 1.4, 127.5, 254.4, 254.6, 255.0]) / 255
    assert to_uint8(levels).tolist() == [0, 0, 1, 1, 128, 254, 255, 255]
    assert to_uint8(torch.tensor([-0.1, 1.1])).tolist() == [0, 255]
    every = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(to_float(every)), every)
    assert to_float(every)[-1] == 1


@pytest.mark.parametrize("level", [0, 1, 100, 254, 255])
def test_forty_steps_of_next_to_no_paint_do_not_darken(level: int) -> None:
    """Canvases as truncated bytes lose a level per step (40 of 255 here)."""
    canvas = to_float(torch.full((1, 3, 2, 2), level, dtype=torch.uint8))
    for _ in range(40):
        painted = composite(canvas, torch.full((1, 1, 2, 2), 1e-6), torch.zeros(1, 3))
        canvas = to_float(to_uint8(painted))
    assert to_uint8(canvas).eq(level).all()
