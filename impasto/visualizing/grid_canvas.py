"""Square canvases that overlap on a picture, painted together.

A renderer draws squares of one size. So a picture of any size is covered by several canvases, each
with its own strokes, in its own coordinates. They are painted in turns: every canvas's first one,
then every canvas's second one. So where canvases overlap, neither covers what the other painted.

Letters in comments: C canvases, N strokes, R rows (see `impasto.compositing`), n a canvas's side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from impasto.bounds import validated
from impasto.canvas import blank_canvas
from impasto.compositing import Tiling, composite_rows, from_tiles, lay_out, to_tiles
from impasto.errors import UserError
from impasto.renderers import Renderer
from impasto.strokes import COLOR_DIM, Stroke
from impasto.strokes.conversion import from_region

_TILES = 8  # on a canvas's side: what its place on the picture is a multiple of
Overlap = Annotated[float, Gt(0), Le(1 - 1 / _TILES)]  # share of a canvas's side


@dataclass(frozen=True)
class Grid:
    """Grid of canvases over a picture.

    Attributes:
        side: Of a canvas, n pixels; a multiple of 8.
        tops: The rows' upper edges in pixels, from 0 on, multiples of n / 8.
        lefts: The columns' left edges, likewise.
    """

    side: int
    tops: tuple[int, ...] = (0,)
    lefts: tuple[int, ...] = (0,)

    @classmethod
    @validated
    def over(cls, height: int, width: int, side: int, canvases: int, overlap: Overlap) -> "Grid":
        """Make a grid over a picture: of its aspect ratio, to an eighth of a canvas.

        Args:
            height: Rows of the picture; only the aspect ratio counts.
            width: Columns of the picture.
            side: Of a canvas, n pixels; a multiple of 8.
            canvases: How many lie along the shorter side.
            overlap: At least which share of its side a canvas shares with its neighbour, in whole
                eighths.

        Raises:
            UserError: `overlap` is out of its bounds.
        """
        tile = side // _TILES
        step = _TILES - max(1, round(overlap * _TILES))  # tiles
        shorter = _TILES + (canvases - 1) * step
        longer = max(shorter, round(shorter * max(height, width) / min(height, width)))
        sides = (shorter, longer) if height <= width else (longer, shorter)
        tops, lefts = (_spread(tiles, step, tile) for tiles in sides)
        return cls(side, tops, lefts)

    @property
    def height(self) -> int:
        """Rows of the picture, pixels."""
        return self.tops[-1] + self.side

    @property
    def width(self) -> int:
        """Columns of the picture, pixels."""
        return self.lefts[-1] + self.side

    @property
    def tile(self) -> int:
        """Pixels on a tile's side."""
        return self.side // _TILES

    @cached_property
    def corners(self) -> Tensor:
        """(C, 2) int64, x and y of the canvases' upper left corners in pixels, row by row."""
        return torch.cartesian_prod(torch.tensor(self.tops), torch.tensor(self.lefts)).flip(1)

    def __len__(self) -> int:
        """Return the number of canvases, C."""
        return len(self.tops) * len(self.lefts)

    def of_picture(self, stroke: Stroke, strokes: Tensor) -> Tensor:
        """Convert strokes of the canvases to strokes of the picture.

        They end where they end and not at their canvas's border.

        Args:
            stroke: Their kind.
            strokes: (N, D) in painting order: number i is of canvas i % C.

        Returns:
            (N, D), of the whole picture.
        """
        size = strokes.new_tensor([self.width, self.height])
        start = self._corner_of(len(strokes)).to(strokes) / size
        shape, color = strokes.split([stroke.shape_dim, COLOR_DIM], dim=1)
        scale = self.side / min(self.height, self.width)
        return torch.cat([from_region(stroke, shape, start, self.side / size, scale), color], dim=1)

    def _corner_of(self, strokes: int) -> Tensor:
        """Return the upper left corner of each stroke's canvas, (N, 2) int64."""
        return self.corners[torch.arange(strokes) % len(self)]

    def tiling(self, strokes: int, device: torch.device) -> tuple[Tiling, Tensor]:
        """Build the tiling: as strokes fill their canvases, it never changes.

        Args:
            strokes: How many, N.
            device: Where the result lies.

        Returns:
            The tiling, and the order of its rows, (R,): which of a canvas's tiles, stroke by
            stroke, each one is.
        """
        across, places = self.width // self.tile, torch.arange(_TILES)
        inside = torch.cartesian_prod(places, places).flip(1)  # (64, 2), x and y
        tiles = self._corner_of(strokes)[:, None] // self.tile + inside  # (N, 64, 2)
        index = torch.arange(strokes).repeat_interleave(_TILES**2)
        x, y = tiles.flatten(0, 1).to(device).unbind(1)
        count = across * (self.height // self.tile)
        return lay_out(index.to(device), x, y, across, count, self.tile)


class GridCanvas:
    """Blank picture under a grid, to paint on through a renderer.

    Args:
        renderer: Draws strokes of one canvas; differentiable.
        grid: Of canvases of its size.
        strokes: How many, N, shared out among the canvases.
        background: RGB in [0, 1].
        device: Where to paint.

    Raises:
        UserError: The renderer has no gradient, or there are fewer strokes than canvases.
    """

    def __init__(
        self,
        renderer: Renderer,
        grid: Grid,
        strokes: int,
        background: Sequence[float],
        device: torch.device | str = "cpu",
    ) -> None:
        if not renderer.differentiable:
            raise UserError(
                f"{type(renderer).__name__} has no gradient for strokes to follow",
                renderer.advice,
            )
        if strokes < len(grid):
            what = (
                f"`strokes={strokes}` is less than one for each of the grid's {len(grid)} canvases"
            )
            raise UserError(what, "give more strokes, or fewer canvases")
        self.renderer = renderer.to(device).requires_grad_(False)
        self.grid = grid
        self.background = background
        self._tiling, self._rows = grid.tiling(strokes, torch.device(device))
        blank = blank_canvas(1, grid.height, grid.width, background, device)[0]
        self._ground = to_tiles(blank, grid.tile)[self._tiling.order]
        self._place = self._tiling.order.argsort()

    def draw(self, strokes: Tensor) -> Tensor:
        """Paint strokes (N, D) of the canvases, within their limits, in turns.

        Returns:
            (3, H, W) of the whole picture, differentiable in the strokes.
        """
        stroke, tile = self.renderer.stroke, self.grid.tile
        shape, color = strokes.split([stroke.shape_dim, COLOR_DIM], dim=1)
        alpha = self.renderer.stroke_alpha(shape)  # (N, 1, n, n)
        rows = to_tiles(alpha, tile)[self._rows]  # (R, 1, T, T)
        tiles = composite_rows(self._ground, rows, color, self._tiling)[self._place]
        return from_tiles(tiles, self.grid.height, self.grid.width)


def _spread(tiles: int, step: int, tile: int) -> tuple[int, ...]:
    """Return the starts, in pixels, of canvases that cover so many tiles, at most a step apart."""
    gaps = -(-(tiles - _TILES) // step)
    return tuple(round((tiles - _TILES) * n / max(1, gaps)) * tile for n in range(gaps + 1))
