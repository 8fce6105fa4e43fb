"""What a GPU draws beside what the CPU does: `pytest -m gpu tests/impasto/strokes`."""

import pytest
import torch
from torch import Tensor

from impasto.strokes import Bezier, Circle, Line, Rectangle, Stroke, Triangle
from impasto.strokes.raster import pen
from tests.impasto.strokes.kinds import hard_shapes, rasterize_windows

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]

SIZE = 128
ALPHA = 1e-4  # by which alpha may differ: square roots and sums are rounded otherwise
GRADIENT = 1e-4  # likewise on the mean, in the largest of a number's gradients
PIXEL = 0.05  # at most: a pixel is on an edge or not, and may be on either side by rounding


def drawn(stroke: Stroke, shape: Tensor, windows: bool) -> tuple[Tensor, Tensor]:
    """Alpha of whole canvases or of tiles, and a gradient, on the device of the shapes."""
    leaf = shape.clone().requires_grad_()
    if windows:
        tiles = torch.cartesian_prod(*2 * [torch.arange(0, SIZE, 8)]).to(shape.device)
        owner = torch.arange(len(shape), device=shape.device).repeat_interleave(len(tiles))
        corner = tiles.repeat(len(shape), 1)
        alpha = rasterize_windows(stroke, leaf, SIZE, SIZE, corner, 8, 8, owner)
    else:
        alpha = stroke.rasterize(leaf, SIZE, SIZE)
    weight = torch.rand(alpha.shape, generator=torch.Generator().manual_seed(1)).to(shape.device)
    (gradient,) = torch.autograd.grad((alpha * weight).sum(), leaf)
    return alpha.detach().cpu(), gradient.cpu()


def assert_alike(found: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor]) -> None:
    torch.testing.assert_close(found[0], expected[0], rtol=0, atol=ALPHA)
    scale = expected[1].abs().amax(0).clamp_min(1e-6)
    error = ((found[1] - expected[1]) / scale).abs()
    assert error.mean() < GRADIENT
    assert error.max() < PIXEL


@pytest.mark.parametrize("windows", [False, True], ids=["canvas", "tiles"])
@pytest.mark.parametrize(
    "stroke", [Bezier(), Line(), Circle(), Triangle(), Rectangle()], ids=lambda kind: kind.name
)
def test_it_draws_what_the_cpu_draws(stroke: Stroke, windows: bool) -> None:
    curve = stroke.name in ("bezier", "line")
    shape = (
        hard_shapes(stroke, 40) if curve else stroke.sample(40, torch.Generator().manual_seed(0))
    )
    assert_alike(drawn(stroke, shape.cuda(), windows), drawn(stroke, shape, windows))


def test_tensor_operations_draw_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on an accelerator for which there are no kernels."""
    shape = hard_shapes(Bezier(), 40)
    expected = drawn(Bezier(), shape, False)
    monkeypatch.setattr(pen, "kernel_of", lambda device: None)
    assert_alike(drawn(Bezier(), shape.cuda(), False), expected)


def test_tiles_have_one_order() -> None:
    """Gradients that are summed by tile are the same from run to run."""
    shape = hard_shapes(Bezier(), 40).cuda()
    for windows in (False, True):
        one, other = drawn(Bezier(), shape, windows), drawn(Bezier(), shape, windows)
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_nothing_waits_for_the_gpu() -> None:
    """Else no graph of kernels could be recorded, and no queue kept full."""
    shape = hard_shapes(Bezier(), 40).cuda()
    weight = torch.rand(40, 1, SIZE, SIZE, device="cuda")
    for mode in ("default", "error"):  # the first time it compiles
        torch.cuda.set_sync_debug_mode(mode)
        try:
            leaf = shape.clone().requires_grad_()
            Bezier().rasterize(shape, SIZE, SIZE)
            torch.autograd.grad((Bezier().rasterize(leaf, SIZE, SIZE) * weight).sum(), leaf)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def test_a_number_that_is_none_is_seen() -> None:
    shape = Bezier().sample(3, torch.Generator().manual_seed(0))
    shape[1, 4] = torch.nan
    alpha = Bezier().rasterize(shape.cuda(), SIZE, SIZE)
    assert alpha[1].isnan().all()
    assert alpha[[0, 2]].isfinite().all()
