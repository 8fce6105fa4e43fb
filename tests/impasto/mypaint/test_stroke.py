"""The stroke kind `mypaint`."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from impasto.errors import UserError
from impasto.io.record import StrokeRecord, read_record, write_record
from impasto.painters import OptimizePainter
from impasto.renderers import AnalyticRenderer, NeuralRenderer, Verdict, judge
from impasto.rendering import draw
from impasto.rl.environment import PaintingEnvironment
from impasto.strokes import MyPaint
from impasto.visualizing import Grid, GridCanvas
from tests.impasto.strokes.kinds import rasterize_windows


@pytest.fixture
def kind() -> MyPaint:
    return MyPaint()


def shapes(kind: MyPaint, count: int = 3) -> torch.Tensor:
    return kind.sample(count, torch.Generator().manual_seed(1))


def test_a_shape_looks_the_same_alone_and_among_others(kind: MyPaint) -> None:
    shape = shapes(kind)
    alpha = kind.rasterize(shape, 64, 64)
    assert alpha.shape == (3, 1, 64, 64)
    assert 0 <= alpha.min() < alpha.max() <= 1
    for row in range(3):
        torch.testing.assert_close(kind.rasterize(shape[row : row + 1], 64, 64)[0], alpha[row])
    slightly = kind.rasterize(shape + 1e-4, 64, 64)
    assert (slightly - alpha).abs().mean() > 0.02  # other random numbers


def test_windows_show_what_the_whole_does(kind: MyPaint) -> None:
    shape = shapes(kind)
    alpha = kind.rasterize(shape, 48, 80)
    corner, owner = torch.tensor([[16, 8], [0, 40], [70, 20]]), torch.tensor([2, 0, 1])
    windows = rasterize_windows(kind, shape[owner], 48, 80, corner, 16, 16)
    for window, (x, y), row in zip(windows, corner.tolist(), owner.tolist(), strict=True):
        seen = alpha[row, :, y : y + 16, x : x + 16]
        torch.testing.assert_close(window[:, : seen.shape[1], : seen.shape[2]], seen)


def test_it_is_the_same_at_every_size(kind: MyPaint) -> None:
    shape = torch.tensor([[1.0, 1.0, 0.3, 0.1, 0.5, 0.5, 0.5, 0.9, 0.5]])
    small, large = (kind.rasterize(shape, side, side)[0, 0] for side in (64, 256))
    shrunk = torch.nn.functional.avg_pool2d(large[None], 4)[0]
    assert abs(shrunk.sum() / small.sum() - 1) < 0.15
    assert (shrunk.sum(1) - small.sum(1)).abs().sum() < 0.3 * small.sum()


def test_it_has_no_gradient_and_says_so(kind: MyPaint) -> None:
    shape = shapes(kind).requires_grad_()
    with pytest.raises(UserError, match="`MyPaint` has no gradient"):
        kind.rasterize(shape, 16, 16)
    with torch.no_grad():
        kind.rasterize(shape, 16, 16)
    exact = AnalyticRenderer(kind, 64)
    assert not exact.differentiable
    with pytest.raises(UserError, match="no gradient") as caught:
        GridCanvas(exact, Grid(64), 1, (0, 0, 0))
    assert "pretrain a renderer of `MyPaint`" in caught.value.todo
    assert NeuralRenderer(kind, 64, [8], 4).differentiable
    with pytest.raises(UserError, match="`OptimizePainter` with `MyPaint`"):
        OptimizePainter(kind, 5)


def test_what_is_not_finite_is_seen(kind: MyPaint) -> None:
    shape = shapes(kind)
    shape[1, 4] = torch.nan
    alpha = kind.rasterize(shape, 32, 32)
    assert alpha[1].isnan().all()
    assert alpha[[0, 2]].isfinite().all()
    far = shapes(kind)
    far[:, 3:] = 1e9
    assert not kind.rasterize(far, 32, 32).any()


def test_an_environment_paints_with_it(kind: MyPaint) -> None:
    environment = PaintingEnvironment(AnalyticRenderer(kind, 64), 4, 2)
    state = environment.reset(torch.rand(2, 3, 64, 64))
    action = torch.rand(2, environment.action_dim, generator=torch.Generator().manual_seed(0))
    after = environment.step(state, action)
    strokes = action.view(2, 2, kind.dim)
    torch.testing.assert_close(after.canvas, draw(kind, strokes, 64, 64), atol=1e-6, rtol=0)


def test_a_record_holds_the_brush_itself(
    kind: MyPaint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strokes = torch.cat([shapes(kind), torch.rand(3, 3)], dim=1)
    write_record(tmp_path / "strokes.json", StrokeRecord(kind, strokes, 40, 30, None))
    monkeypatch.setattr("impasto.mypaint.brushes.installed_brushes", dict)
    record = read_record(tmp_path / "strokes.json")
    assert record.stroke.geometry() == kind.geometry()
    assert kind.geometry()["stroke.brush"] == "classic/dry_brush"
    assert torch.equal(record.strokes, strokes)  # to the last bit, as random numbers follow from it
    again = record.stroke.rasterize(record.strokes[:, :9], 64, 64)
    assert torch.equal(again, kind.rasterize(strokes[:, :9], 64, 64))
    whole = kind.options()
    for key, value in (("settings", None), ("settings", "x"), ("brush", None), ("brush", 3)):
        with pytest.raises(UserError, match="without its settings"):
            MyPaint.from_options(**whole | {key: value})
    with pytest.raises(UserError, match="without its settings"):
        MyPaint.from_options()


def test_its_mark_is_a_picture_of_its_paint(kind: MyPaint) -> None:
    shape = torch.tensor([0.9, 0.9, 0.1, 0.3, 0.3, 0.5, 0.4, 0.7, 0.3])
    stamp = kind.mark(shape, 60, 80)
    alpha = kind.rasterize(shape[None], 60, 80)[0, 0].numpy()
    height, width = stamp.paint.shape
    left, top = (int(n) for n in stamp.center - stamp.size / 2)
    assert (height, width) == tuple(stamp.size[::-1])
    seen = np.zeros((60, 80))
    seen[top : top + height, left : left + width] = stamp.paint / 255
    np.testing.assert_allclose(seen, alpha, atol=0.003)
    nothing = kind.mark(torch.tensor([0.0, 0.0, 0.0] + [5.0] * 6), 60, 80)
    assert not nothing.paint.any()


def test_candidates_are_pressed_hard(kind: MyPaint) -> None:
    placed = kind.place(torch.full((50, 2), 0.5), 0.1, torch.Generator().manual_seed(0))
    assert placed[:, :2].min() >= 0.5
    assert (placed[:, 3:] - 0.5).abs().max() <= 0.2 + 1e-6
    assert copy.deepcopy(kind).geometry() == kind.geometry()


def test_random_numbers_are_no_fault_of_a_renderer() -> None:
    dry = MyPaint()
    exact = AnalyticRenderer(dry, 64)
    verdict = judge(exact, 128)
    assert verdict.mse == 0
    assert 0.1 < verdict.noise / verdict.mean_image < 0.25  # as drawn with all seeds: 0.16
    assert verdict.ratio < 0
    same = judge(AnalyticRenderer(MyPaint("classic/brush"), 64), 16)
    assert same.noise < 1e-5
    half = Verdict(mse=0.55, mean_image=1.0, noise=0.1)
    assert half.ratio == pytest.approx(0.5)
