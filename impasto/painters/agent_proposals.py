"""Proposals of strokes by a trained agent, in place of random ones.

An agent paints a bundle of strokes on whatever square of the picture it is shown. The larger the
strokes that are wanted, the larger the squares.

Letters in shapes: R regions, P strokes on each, D numbers of a stroke, s pixels on a side.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor
from torch.nn import functional

from impasto.painters.proposals import Proposer
from impasto.painters.regions import Region, worst_regions
from impasto.painters.tiled_canvas import TiledCanvas
from impasto.rl.policy import PaintingPolicy
from impasto.strokes.conversion import from_region, into_range
from impasto.strokes.limits import release
from impasto.strokes.raster.coverage import THINNEST

_BATCH = 32  # squares that the agent is shown at once
_SIDE = 12.0  # a square's side, in radii of the strokes that are wanted
_LEAST_SIDE = 8  # pixels of the canvas; in fewer there is nothing that one stroke can't paint
_LOOKS = 6  # squares of each size that are looked at, and that many times more than are wanted:
_MORE = 1.5
_ROUNDS = 4  # each on squares apart, where the ones before left most error


@dataclass(frozen=True)
class AgentProposer(Proposer):
    """Proposes an agent's strokes, on squares apart where the error is largest.

    What an agent can't give, or not better, is random, as by `Proposer`: a few strokes, of which
    the best of many tries costs no more, and those for which no square is left where it helps.

    Attributes:
        policy: The agent; of the canvas's stroke kind, on its device.
        fewest: Fewer strokes than that are random.
        narrowed: Factor on the width of the agent's strokes.
    """

    policy: PaintingPolicy
    fewest: int
    narrowed: float = 1.0

    @torch.no_grad()
    def propose(self, canvas: Tensor, count: int, scale: float) -> Tensor:
        """See `Proposer.propose`."""
        environment, stroke = self.policy.environment, self.tiled.stroke
        bundle = min(environment.bundle, environment.strokes)
        strokes = canvas.new_empty(0, stroke.dim)
        for _ in range(_ROUNDS if count >= self.fewest else 0):
            bundles = (count - len(strokes)) // bundle
            new = self._bundles(canvas, bundles, scale) if bundles else strokes[:0]
            if not len(new):
                break
            canvas = self.tiled.canvas(stroke.limit(new), over=canvas)
            strokes = torch.cat([strokes, new])
        return torch.cat([strokes, super().propose(canvas, count - len(strokes), scale)])

    def _bundles(self, canvas: Tensor, count: int, scale: float) -> Tensor:
        """Return the strokes of at most so many bundles, each of which helps, (n, D), free ones."""
        tiled, shorter = self.tiled, min(canvas.shape[1:])
        error = ((canvas - tiled.target).square().mean(0) * tiled.weight).cpu()
        side = min(shorter, max(_LEAST_SIDE, int(_SIDE * scale * shorter)))
        regions = worst_regions(error, side, count)
        if not regions:
            return canvas.new_empty(0, tiled.stroke.dim)
        strokes, gain = paint_regions(self.policy, tiled, canvas, regions, bundles=1)
        free = release(tiled.stroke, strokes[gain > 0].flatten(0, 1))
        widths = [name.startswith(tiled.stroke.across) for name in tiled.stroke.parameters]
        free[:, : len(widths)][:, widths] *= self.narrowed
        return into_range(tiled.stroke, free, THINNEST / shorter)


def best_bundles(policy: PaintingPolicy, tiled: TiledCanvas, canvas: Tensor, count: int) -> Tensor:
    """Let an agent paint on the worst squares of every size, and choose by what that mends.

    Args:
        policy: The agent.
        tiled: The target, and the weight of each pixel's error.
        canvas: (3, H, W), what is painted so far.
        count: At most how many squares are chosen.

    Returns:
        The strokes (n, D) on squares apart where the agent mends most, the largest square's first.
    """
    error = ((canvas - tiled.target).square().mean(0) * tiled.weight).cpu()
    regions, side = list[Region](), min(canvas.shape[1:])
    while side >= _LEAST_SIDE:
        regions += worst_regions(error, side, max(_LOOKS, math.ceil(_MORE * count)))
        side //= 2
    if not regions:
        return canvas.new_empty(0, tiled.stroke.dim)
    strokes, gain = paint_regions(policy, tiled, canvas, regions)
    mended = gain.cpu() * torch.tensor([float(region.side**2) for region in regions])
    chosen: list[int] = []
    for place in mended.argsort(descending=True, stable=True).tolist():
        if len(chosen) == count or mended[place] <= 0:
            break
        if not any(regions[place].overlaps(regions[other]) for other in chosen):
            chosen.append(place)
    chosen.sort(key=lambda place: -regions[place].side)
    return strokes[chosen].flatten(0, 1)


def paint_regions(
    policy: PaintingPolicy,
    tiled: TiledCanvas,
    canvas: Tensor,
    regions: Sequence[Region],
    bundles: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Let an agent paint on squares of a picture, on each as if it were alone.

    Args:
        policy: The agent.
        tiled: The target, and the weight of each pixel's error.
        canvas: (3, H, W), what is painted so far.
        regions: The squares; those of one side in a row.
        bundles: See `PaintingPolicy.paint`.

    Returns:
        The strokes (R, P, D) as strokes of the picture, and by how much those of each square lower
        the mean squared error in it, (R,), by the weights and as the agent sees it.
    """
    stroke, (height, width) = tiled.stroke, canvas.shape[1:]
    painted, gains = [], []
    images = torch.cat([tiled.target, canvas, tiled.weight[None]])
    glimpses = [
        _resized(torch.stack([region.of(images) for region in alike]), policy.canvas_size)
        for _, alike in groupby(regions, lambda region: region.side)
    ]
    for glimpse in torch.cat(glimpses).split(_BATCH):
        target, before, weight = glimpse.split([3, 3, 1], dim=1)
        own, after = policy.paint(target.contiguous(), before.contiguous(), bundles)
        painted.append(own)
        change = (before - target).square() - (after - target).square()
        gains.append((change * weight).mean((1, 2, 3)))
    strokes = torch.cat(painted)
    count = strokes.shape[1]
    frames = [
        (at.left / width, at.top / height, at.side / width, at.side / height) for at in regions
    ]
    frame = torch.tensor(frames).to(canvas).repeat_interleave(count, dim=0)  # (R P, 4)
    shape, color = strokes.flatten(0, 1).split([stroke.shape_dim, 3], dim=1)
    shape = from_region(stroke, shape, frame[:, :2], frame[:, 2:], frame[:, 2:].amax(1))
    return torch.cat([shape, color], dim=1).unflatten(0, (-1, count)), torch.cat(gains)


def _resized(images: Tensor, size: int) -> Tensor:
    """Resize square pictures (R, C, s, s) to (R, C, size, size)."""
    if images.shape[-1] == size:
        return images
    return functional.interpolate(images, (size, size), mode="bilinear", antialias=True)
