"""What an agent saw through a learned renderer, beside its strokes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datamodules.sets.digits import Digits
from impasto.canvas import to_uint8
from impasto.io.figures import cut_sheet
from impasto.io.images import read_image
from impasto.renderers import AnalyticRenderer, NeuralRenderer, Renderer
from impasto.rendering import draw
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Bezier
from impasto.tasks.evaluate.agent import evaluate

SIZE = 16
STROKES = 2


class Always(nn.Module):
    """Paints the same, whatever is to be seen."""

    def __init__(self) -> None:
        super().__init__()
        dim = STROKES * Bezier().dim
        self.action = nn.Parameter(torch.rand(dim, generator=torch.Generator().manual_seed(0)))

    def forward(self, observation: Tensor) -> Tensor:
        return self.action.expand(len(observation), -1)


def policy(renderer: Renderer) -> PaintingPolicy:
    return PaintingPolicy(Always(), PaintingEnvironment(renderer, STROKES, STROKES))


@pytest.fixture
def data(tmp_path: Path) -> Digits:
    return Digits(canvas_size=SIZE, batch_size=32, cache=str(tmp_path / "cache"))


def test_both_canvases_are_shown_and_measured(
    data: Digits, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    smooth = policy(NeuralRenderer(Bezier(), SIZE, [8], 4))  # untrained: it draws a haze
    metrics = evaluate(smooth, data, tmp_path)
    rows = cut_sheet(read_image(tmp_path / "transfer.png"), SIZE, rows=3)
    targets = data.images("test").__getitems__(np.arange(12))["target"]
    strokes, seen = smooth.paint(targets / 255)
    exact = draw(Bezier(), strokes, SIZE, SIZE)
    assert not torch.equal(to_uint8(seen), to_uint8(exact))
    for row, expected in zip(rows, (targets, seen, exact), strict=True):
        shown = torch.from_numpy(row).permute(0, 3, 1, 2)
        # Batches of other sizes round otherwise.
        assert (shown.int() - to_uint8(expected).int()).abs().max() <= 1
    told = next(line for line in capsys.readouterr().out.splitlines() if "transfer:" in line)
    assert f"L2 {metrics['l2_renderer']:.5f} on the learned" in told
    assert f" {metrics['l2']:.5f} by the strokes" in told
    assert abs(metrics["l2"] - metrics["l2_renderer"]) > 0.01


def test_exact_strokes_have_nothing_to_be_transferred_to(
    data: Digits, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = evaluate(policy(AnalyticRenderer(Bezier(), SIZE)), data, tmp_path)
    assert not (tmp_path / "transfer.png").exists()
    assert "transfer:" not in capsys.readouterr().out
    assert metrics["l2"] == pytest.approx(metrics["l2_renderer"], rel=1e-4)
