"""The compiled pen beside the one in tensor operations, which draws on other devices."""

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from impasto.strokes import Bezier, Line, Stroke, Taper
from impasto.strokes.conversion import columns
from impasto.strokes.raster import pen, pen_kernel
from impasto.strokes.raster.frame import Frame
from tests.impasto.strokes.kinds import rasterize_windows

H, W = 40, 56


def drawn(stroke: Stroke, shape: Tensor, owner: Tensor, corner: Tensor) -> tuple[Tensor, Tensor]:
    """Alpha of windows, and a gradient of every number of the shapes."""
    leaf = shape.clone().requires_grad_()
    alpha = rasterize_windows(stroke, leaf, H, W, corner, 24, 20, owner)
    weight = torch.rand(alpha.shape, generator=torch.Generator().manual_seed(1), dtype=alpha.dtype)
    (gradient,) = torch.autograd.grad((alpha * weight).sum(), leaf)
    return alpha.detach(), gradient


def windows(count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    corner = torch.stack([torch.arange(3 * count) % 30, torch.arange(3 * count) % 16], dim=1)
    return torch.randint(count, (3 * count,), generator=generator), corner


@pytest.mark.parametrize("stroke", [Bezier(), Taper(), Line()], ids=lambda kind: kind.name)
def test_both_draw_the_same(stroke: Stroke, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = stroke.sample(40, torch.Generator().manual_seed(0)).double()
    shape[:5, 2:4] = shape[:5, 0:2]  # the pen stands, or nearly so
    shape[5:10, columns(stroke, ["radius0", "radius1"])] *= -0.015  # thinner than a pixel
    compiled = drawn(stroke, shape, *windows(40))
    monkeypatch.setattr(pen, "kernel_of", lambda device: None)
    torch.testing.assert_close(compiled, drawn(stroke, shape, *windows(40)), rtol=1e-9, atol=1e-9)


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = Bezier().sample(30, torch.Generator().manual_seed(0))
    alone = drawn(Bezier(), shape, *windows(30))
    monkeypatch.setattr(pen_kernel, "_PIXELS", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(7)
    try:
        together = drawn(Bezier(), shape, *windows(30))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))


@pytest.mark.parametrize("column", range(10))
def test_a_number_that_is_none_is_seen(column: int) -> None:
    shape = Bezier().sample(3, torch.Generator().manual_seed(0))
    shape[1, column] = torch.nan
    alpha = Bezier().rasterize(shape, H, W)
    assert alpha[1].isnan().any()
    assert alpha[[0, 2]].isfinite().all()


def test_nothing_to_draw() -> None:
    empty = torch.empty(0, 10, requires_grad=True)
    corner, owner = torch.empty(0, 2), torch.empty(0, dtype=torch.int64)
    alpha = rasterize_windows(Bezier(), empty, H, W, corner, 8, 8, owner)
    assert alpha.shape == (0, 1, 8, 8)
    (gradient,) = torch.autograd.grad(alpha.sum(), empty)
    assert gradient.shape == (0, 10)


def test_what_is_no_number_is_drawn_as_none() -> None:
    """So that a diverged actor is told of its loss."""
    alpha = Bezier().rasterize(torch.full((1, 10), torch.nan), H, W)
    assert alpha.isnan().all()


def test_on_a_gpu_a_polyline_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors without values stand in for those of a GPU: what asks for a value fails."""
    monkeypatch.setattr(pen, "kernel_of", lambda device: pen_kernel)
    frame = Frame(H, W, H, W)
    with FakeTensorMode():
        shape = torch.empty(5, 10, device="cuda")
        points, radii, count = Bezier()._polyline(shape, frame)
        segments = pen.to_segments(points, radii)
        assert segments.device.type == "cuda"
    # The more segments, the closer to the curve; no curve on the canvas needs more than there are.
    corners = torch.cartesian_prod(*6 * [torch.tensor([0.0, 1.0])])
    opacities = torch.tensor([[0.5, 0.0, 0.5, 1.0]]).expand(len(corners), 4)
    needed = Bezier()._polyline(torch.cat([corners, opacities], dim=1), frame)[2]
    assert needed.max() <= segments.shape[1] < 3 * needed.max()
    assert len(count) == 5


def test_what_needs_more_segments_than_a_gpu_gives_is_drawn_in_these(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pen, "kernel_of", lambda device: pen_kernel)
    count = torch.tensor([4, 20, 9])
    assert pen.most_segments(count, 12)[1] == 20  # on a CPU it gets them
    with FakeTensorMode():
        limited, most = pen.most_segments(torch.empty(3, dtype=torch.int64, device="cuda"), 12)
        assert (limited.shape, most) == ((3,), 12)


def test_a_tapered_pen_is_thin_at_its_ends() -> None:
    """From left to right on 128 px; t is linear in x."""
    shape = torch.tensor([[0.125, 0.5, 0.5, 0.5, 0.875, 0.5, 0.4, 1.0, 0.4, 1.0]]).double()
    width = Taper().rasterize(shape, 128, 128)[0, 0].sum(0)
    t = (torch.arange(128).double() + 0.5 - 16) / 96
    radius = 128 * (1 + 64 * 0.4) / 256
    expected = 2 * radius * (1 - (2 * t - 1) ** 4)
    torch.testing.assert_close(width[44:84], expected[44:84], rtol=0, atol=0.4)
    assert width[17] < 8 < 26 < Bezier().rasterize(shape, 128, 128)[0, 0].sum(0)[17]
    assert width[:14].sum() == 0
