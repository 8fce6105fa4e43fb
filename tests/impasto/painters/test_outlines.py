"""What the optimizer's boxes, tiles and drawing share, beside each finding it out for itself."""

import pytest
import torch

from impasto.painters import OptimizePainter
from impasto.strokes import Bezier
from impasto.strokes.raster.frame import Windows
from impasto.strokes.raster.outlines import Outlines

SIZE = 32
OUTLINES = Bezier.outlines


class Apart(Outlines):
    """Outlines that share nothing: for all that is asked of them they begin anew."""

    def _anew(self) -> Outlines:
        return OUTLINES(Bezier(), self.shape, self.height, self.width)

    def bounds(self) -> torch.Tensor:
        return self._anew().bounds()

    def touched(self, windows: Windows) -> torch.Tensor:
        return self._anew().touched(windows)

    def draw(self, windows: Windows) -> torch.Tensor:
        return self._anew().draw(windows)

    def _extent(self) -> tuple[torch.Tensor, torch.Tensor]:
        raise AssertionError("bounds() is overridden")


def test_sharing_the_polyline_changes_no_stroke(monkeypatch: pytest.MonkeyPatch) -> None:
    painter = OptimizePainter(Bezier(), strokes=12, work_size=SIZE, steps=30, tries=8, seed=1)
    target = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    shared = painter.paint(target)
    asked: list[int] = []

    def outlines(stroke: Bezier, shape: torch.Tensor, height: int, width: int) -> Outlines:
        asked.append(len(shape))
        return Apart(shape, height, width)

    monkeypatch.setattr(Bezier, "outlines", outlines)
    apart = painter.paint(target)
    assert len(asked) > 30
    torch.testing.assert_close(shared, apart, rtol=0, atol=1e-6)
