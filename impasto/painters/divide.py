"""The authors' way of painting a large picture: the whole, then a fixed grid of tiles."""

import copy
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor
from torch.nn.functional import interpolate

from impasto.bounds import Count, validated
from impasto.canvas import decibels
from impasto.compositing import to_tiles
from impasto.painters.agent import AgentPainter
from impasto.painters.base import Painter, Progress, Sketch
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Stroke
from impasto.strokes.conversion import from_region

Divide = Annotated[int, Ge(1), Le(32)]


@validated
class DividePainter(Painter):
    """Paints as the `test.py --divide` of the authors' code does; no stroke is left out.

    First the whole picture, at the agent's own size n. Then its canvas is enlarged to d n pixels a
    side and cut into d x d tiles, on each of which the agent goes on with as many bundles, all
    tiles at once, the step counted from 0 again. Strokes are in the order in which they are laid:
    bundle by bundle, of a bundle the first stroke of every tile by rows, then the second.

    What differs from theirs: a tile's stroke is one of the picture, and ends where it ends and not
    at the tile's border, so that no seam is smoothed afterwards. In a picture that is not square
    they squash the discs of a stroke, too; here only places are.

    Args:
        policy: The agent; it paints in its own renderer's sight.
        strokes: How many strokes, N; the agent's own by default. ``--max_step=m`` of theirs are
            floor(m / 2) K (1 + d²), for bundles of K strokes, or m K at d = 1. With another number
            the last strokes of the last bundles are left out.
        divide: d.

    Raises:
        UserError: A number is out of its bounds.
    """

    def __init__(
        self, policy: PaintingPolicy, strokes: Count | None = None, divide: Divide = 4
    ) -> None:
        self.policy = policy
        self.divide = divide
        self.stroke = policy.stroke
        self.strokes = policy.environment.strokes if strokes is None else strokes
        self.background: Sequence[float] = policy.environment.background
        self.steps = self.strokes

    @classmethod
    def load(
        cls,
        weights: str | Path | None,
        stroke: Stroke | None = None,
        strokes: Count | None = None,
        divide: Divide = 4,
    ) -> "DividePainter":
        """Load the painter of an exported agent; arguments and errors as of `AgentPainter.load`."""
        agent = AgentPainter.load(weights, stroke, strokes)
        assert isinstance(agent, AgentPainter)
        return cls(agent.policy, strokes, divide)

    def canvas(self, height: int, width: int) -> tuple[int, int]:
        """See `Painter.canvas`: a square of d tiles a side, whatever the picture's aspect."""
        side = self.divide * self.policy.canvas_size
        return side, side

    def with_strokes(self, strokes: int) -> "DividePainter":
        """See `Painter.with_strokes`."""
        return DividePainter(self.policy, strokes, self.divide)

    @torch.no_grad()
    def paint(
        self,
        target: Tensor,
        progress: Progress | None = None,
        start: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        """See `Painter.paint`; a weight changes nothing, as nothing is chosen."""
        if start is not None:
            raise ValueError("an agent paints anew: it does not go on from strokes")
        policy, size = self._round(target.device), self.policy.canvas_size
        small = interpolate(target[None], (size, size), mode="bilinear")
        strokes, canvas = policy.paint(small)
        strokes = strokes[0]
        if self.divide > 1:
            tiles = to_tiles(target, size)  # (d², 3, n, n)
            large = interpolate(canvas, target.shape[1:], mode="bilinear")
            of_tiles, canvas = policy.paint(tiles, to_tiles(large[0], size))
            strokes = torch.cat([strokes, self._of_picture(of_tiles)])
            small = tiles
        strokes = strokes[: self.strokes]
        if progress is not None:
            psnr = decibels((canvas - small).square().mean())
            progress(Sketch(len(strokes), psnr, self.stroke, strokes))
        return strokes

    def _round(self, device: torch.device) -> PaintingPolicy:
        """Return the agent that paints as many bundles as each of the two rounds has."""
        tiles = 1 + self.divide**2 if self.divide > 1 else 1
        policy = copy.deepcopy(self.policy).to(device)
        environment = policy.environment
        environment.strokes = environment.bundle * math.ceil(
            self.strokes / (environment.bundle * tiles)
        )
        return policy.eval()

    def _of_picture(self, strokes: Tensor) -> Tensor:
        """Turn the tiles' strokes (d², P, D) into the picture's, (P d², D), in painting order."""
        tiles, count, _ = strokes.shape
        laid = strokes.transpose(0, 1).flatten(0, 1)
        tile = torch.arange(tiles, device=strokes.device).repeat(count)
        corner = torch.stack([tile % self.divide, tile // self.divide], dim=1) / self.divide
        shape, color = laid.split([self.stroke.shape_dim, 3], dim=1)
        share = 1 / self.divide
        sides = corner.new_full((2,), share)
        return torch.cat([from_region(self.stroke, shape, corner, sides, share), color], dim=1)
