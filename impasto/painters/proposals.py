"""Proposals of strokes where a painting is worst: the coarse-to-fine start of an optimization.

No gradient is used. Places are drawn by the error that is left there; at each place many random
strokes are tried, in their best colours, and the one that lowers the error most is kept.

Letters in comments: N strokes, C candidates, R rows, T pixels on a tile's side.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from impasto.painters.tiled_canvas import TiledCanvas
from impasto.strokes.conversion import into_range
from impasto.strokes.limits import limit_color, limit_shape
from impasto.strokes.raster.coverage import THINNEST

# Strokes are tried and painted in batches of this share of what is asked for, so that the later
# ones see the earlier ones' paint.
_BATCHES = 4
_DRAWS = 64  # at most, of a batch's places: of thousands, some are drawn by the same odds
_CELLS = 128  # at least half as many, on the shorter side of the grid on which places are drawn


@dataclass(frozen=True)
class Proposer:
    """Proposes strokes for one target.

    Attributes:
        tiled: The target, the weight of each pixel's error, and the stroke kind.
        tries: Candidates per stroke.
        focus: Exponent of the error: 0 places strokes anywhere, larger ones only where it is worst.
        generator: Source of randomness, on the CPU (so that every device starts alike).
    """

    tiled: TiledCanvas
    tries: int
    focus: float
    generator: torch.Generator

    @torch.no_grad()
    def propose(self, canvas: Tensor, count: int, scale: float) -> Tensor:
        """Propose strokes to paint over a canvas.

        Args:
            canvas: (3, H, W), what is painted so far.
            count: How many strokes.
            scale: Their radius, roughly, as a fraction of the shorter side.

        Returns:
            (count, D) in [0, 1], in painting order; free ones, before `Stroke.limit`.
        """
        strokes = canvas.new_empty(0, self.tiled.stroke.dim)
        batch = max(4, -(-count // _BATCHES))
        while len(strokes) < count:
            center = self._worst_places(canvas, min(batch, count - len(strokes)), scale)
            chosen = self._best_of_tries(canvas, center, scale)
            canvas = self.tiled.canvas(self.tiled.stroke.limit(chosen), over=canvas)
            strokes = torch.cat([strokes, chosen])
        return strokes

    def _worst_places(self, canvas: Tensor, count: int, scale: float) -> Tensor:
        """Draw places (count, 2), as fractions of width and height, by the error around them.

        They are drawn on a grid of cells, pixels on a small canvas, and anywhere in their cell.
        """
        height, width = canvas.shape[1:]
        cell = -(-min(height, width) // _CELLS)  # pixels on its side
        error = ((canvas - self.tiled.target).square().sum(0) * self.tiled.weight).cpu()[None, None]
        error = functional.avg_pool2d(error, cell, ceil_mode=True, count_include_pad=False)
        rows, columns = error.shape[2:]
        reach = scale * min(height, width) / cell  # cells
        window = min(int(2 * reach) | 1, 2 * min(rows, columns) - 1)
        around = functional.avg_pool2d(
            error, window, stride=1, padding=window // 2, count_include_pad=False
        )[0, 0]
        odds = (around / around.max().clamp_min(1e-12)).pow(self.focus) + 1e-9
        x, y = torch.arange(columns), torch.arange(rows)
        places = []
        chances = torch.rand(count, generator=self.generator)
        for few in chances.double().split(-(-count // _DRAWS)):
            sums = odds.flatten().cumsum(0, dtype=torch.float64)
            place = torch.searchsorted(sums, few * sums[-1]).clamp_max(rows * columns - 1)
            row, column = place // columns, place % columns
            places.append(torch.stack([column, row], dim=1))
            near = [
                torch.exp(-d.square() / (2 * (1.5 * reach) ** 2 + 1e-9))
                for d in (y[:, None] - row, column[:, None] - x)
            ]
            odds = odds * (1 - near[0] @ near[1]).clamp_min(0)
        inside = torch.rand(count, 2, generator=self.generator) if cell > 1 else 0.5
        return (torch.cat(places) + inside) * cell / torch.tensor([width, height])

    def _best_of_tries(self, canvas: Tensor, center: Tensor, scale: float) -> Tensor:
        """Return the best stroke (n, D) of many around each of the places (n, 2)."""
        every = center.repeat_interleave(self.tries, dim=0)
        height, width = canvas.shape[1:]
        sides = width / min(height, width), height / min(height, width)
        stroke = self.tiled.stroke
        shape = stroke.place(every, scale, self.generator, sides).to(canvas.device)  # (C, S)
        shape = into_range(stroke, shape, THINNEST / min(height, width))
        color, gain = self._best_colors(canvas, limit_shape(stroke, shape))
        best = gain.view(-1, self.tries).argmax(1)
        best += torch.arange(len(center), device=best.device) * self.tries
        return torch.cat([shape, color], dim=1)[best]

    def _best_colors(self, canvas: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
        """Return each candidate's best colour (C, 3), and its gain in squared error (C,)."""
        square, *product, gain = self.tiled.color_sums(shape, canvas).split(1, dim=1)  # (C, 1) each
        products = torch.cat(product, dim=1)
        color = limit_color(self.tiled.stroke, (products / square.clamp_min(1e-6)).clamp(0, 1))
        mended = (2 * color * products - color.square() * square).sum(1)
        return color, gain[:, 0] + mended
