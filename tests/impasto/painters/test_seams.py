"""Regions leave no seams: a painting is as smooth across their borders as elsewhere."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from skimage.data import coffee
from torch import Tensor

from impasto.canvas import to_float
from impasto.io.images import resize_image
from impasto.painters import AgentPainter
from impasto.painters.agent_proposals import paint_regions
from impasto.painters.regions import Region
from impasto.painters.tiled_canvas import TiledCanvas
from impasto.rendering import draw, draw_canvas
from impasto.rl.policy import PaintingPolicy

HEIGHT, WIDTH = 64, 96


def target() -> Tensor:
    small = resize_image(np.ascontiguousarray(coffee()), HEIGHT, WIDTH)
    return to_float(torch.from_numpy(small)).permute(2, 0, 1)


def seams(canvas: Tensor, regions: Sequence[Region]) -> float:
    """How much more a painting jumps across the borders of regions than its picture does."""
    return _jump(canvas, regions) / _jump(target(), regions)


def _jump(image: Tensor, regions: Sequence[Region]) -> float:
    """How much it jumps across the borders of regions, beside lines a few pixels off."""
    gray = image.mean(0)
    jumps: dict[bool, list[Tensor]] = {True: [], False: []}
    for region in regions:
        for steps, start, low in (
            (gray.diff(dim=1).abs(), region.left, region.top),
            (gray.diff(dim=0).abs().T, region.top, region.left),
        ):
            length = steps.shape[1] + 1
            for border in {start, start + region.side} - {0, length}:
                for off in (-6, -4, 0, 4, 6):
                    if 0 < border + off < length:
                        line = steps[low : low + region.side, border + off - 1]
                        jumps[off == 0].append(line)
    there, beside = (torch.cat(jumps[at_border]).mean() for at_border in (True, False))
    return float(there / beside)


def test_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    painter = AgentPainter(PaintingPolicy.load("photos"), strokes=240)
    seen: list[Region] = []

    def watched(
        policy: PaintingPolicy, tiled: TiledCanvas, canvas: Tensor, regions: Sequence[Region]
    ) -> tuple[Tensor, Tensor]:
        seen.extend(regions)
        return paint_regions(policy, tiled, canvas, regions)

    monkeypatch.setattr("impasto.painters.agent_proposals.paint_regions", watched)
    strokes = painter.paint(target())
    canvas = draw_canvas(painter.stroke, strokes, HEIGHT, WIDTH, painter.background)
    inner = [region for region in seen if region.side == 32]
    assert len(inner) > 20
    assert seams(canvas, inner) < 1.1


def test_tiles_that_are_painted_one_by_one_have_seams() -> None:
    """What the test above would see if strokes ended at the borders."""
    policy = PaintingPolicy.load("photos")
    tiles = [Region(x, y, 32) for y in range(0, HEIGHT, 32) for x in range(0, WIDTH, 32)]
    strokes, _ = policy.paint(torch.stack([tile.of(target()) for tile in tiles]))
    painted = draw(policy.stroke, strokes, 32, 32, policy.environment.background)
    canvas = torch.empty(3, HEIGHT, WIDTH)
    for tile, own in zip(tiles, painted, strict=True):
        tile.of(canvas)[:] = own
    assert seams(canvas, tiles) > 1.5
