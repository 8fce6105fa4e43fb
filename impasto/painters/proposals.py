"""Proposals of strokes where a painting is worst: the coarse-to-fine start of an optimization.

No gradient is used. Places are drawn by the error that is left there; at each place many random
strokes are tried, in their best colours, and the one that lowers the error most is kept.

Letters in comments: N strokes, C candidates, R rows, T pixels on a tile's side.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from impasto.errors import UserError
from impasto.painters.tiled_canvas import TiledCanvas
from impasto.strokes import Stroke
from impasto.strokes.conversion import AlongCurve, columns, into_range
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
        along: See `OptimizePainter`; so is `longer`.
    """

    tiled: TiledCanvas
    tries: int
    focus: float
    generator: torch.Generator
    along: float = field(default=0.0, kw_only=True)
    longer: float = field(default=1.0, kw_only=True)

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
        error = (canvas - self.tiled.target).square().sum(0) * self.tiled.weight
        (around,), cell = _means_around(error[None], scale)
        rows, columns = around.shape
        reach = scale * min(height, width) / cell  # cells
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
        narrow = scale / math.sqrt(self.longer)  # as large as they would be
        shape = stroke.place(every, narrow, self.generator, sides)  # (C, S)
        if self.along or self.longer > 1:
            shape = self._aligned(shape, every, narrow)
        shape = shape.to(canvas.device)
        shape = into_range(stroke, shape, THINNEST / min(height, width))
        color, gain = self._best_colors(canvas, limit_shape(stroke, shape))
        best = gain.view(-1, self.tries).argmax(1)
        best += torch.arange(len(center), device=best.device) * self.tries
        return torch.cat([shape, color], dim=1)[best]

    def _aligned(self, shape: Tensor, center: Tensor, scale: float) -> Tensor:
        """Make candidates (C, S) `longer`, and turn them around their centers (C, 2) `along`."""
        stroke, (height, width) = self.tiled.stroke, self.tiled.target.shape[1:]
        names = [name for name in stroke.parameters if name not in stroke.relative]
        places = columns(stroke, [name for name in names if name.startswith(("x", "y"))])
        middle, size = center[:, None], center.new_tensor([width, height])
        away = (shape[:, places].unflatten(1, (-1, 2)) - middle) * size * self.longer  # (C, P, 2)
        if self.along:
            axis = away[:, -1] - away[:, 0]
            wanted = directions(self.tiled.target, center, scale * self.longer)
            turn = wanted - torch.atan2(axis[:, 1], axis[:, 0])
            # Of the two ways to lie along a line the nearer one.
            turn = self.along * (turn - math.pi * torch.round(turn / math.pi))
            cos, sin = turn.cos()[:, None], turn.sin()[:, None]
            x, y = away.unbind(2)
            away = torch.stack([cos * x - sin * y, sin * x + cos * y], dim=2)
        aligned = shape.clone()
        aligned[:, places] = (middle + away / size).flatten(1)
        return aligned

    def _best_colors(self, canvas: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
        """Return each candidate's best colour (C, 3), and its gain in squared error (C,)."""
        square, *product, gain = self.tiled.color_sums(shape, canvas).split(1, dim=1)  # (C, 1) each
        products = torch.cat(product, dim=1)
        color = limit_color(self.tiled.stroke, (products / square.clamp_min(1e-6)).clamp(0, 1))
        mended = (2 * color * products - color.square() * square).sum(1)
        return color, gain[:, 0] + mended


def directions(target: Tensor, center: Tensor, scale: float) -> Tensor:
    """Return the directions in which a picture varies least: along its edges, hairs and stripes.

    They are at right angles to the first eigenvector of the structure tensor (Bigün and Granlund,
    ICCV 1987), summed over the colours (Di Zenzo, 1986) and averaged around each place.

    Args:
        target: (3, H, W).
        center: (n, 2), x and y as fractions of width and height.
        scale: Half the side of the square around a place, as a fraction of the shorter side.

    Returns:
        (n,) radians, clockwise from +x, in [0, pi]; pi / 2 where nothing varies.
    """
    picture = functional.pad(target[None], (1, 1, 1, 1), mode="replicate")[0]
    dx = (picture[:, 1:-1, 2:] - picture[:, 1:-1, :-2]) / 2
    dy = (picture[:, 2:, 1:-1] - picture[:, :-2, 1:-1]) / 2
    products = torch.stack([dx * dx - dy * dy, 2 * dx * dy]).sum(1)  # (2, H, W)
    (cosine, sine), cell = _means_around(products, scale)
    place = (center * center.new_tensor([*target.shape[:0:-1]]) / cell).long().clamp_min(0)
    row = place[:, 1].clamp_max(len(cosine) - 1)
    column = place[:, 0].clamp_max(cosine.shape[1] - 1)
    return (torch.atan2(sine[row, column], cosine[row, column]) + math.pi) / 2


def _means_around(parts: Tensor, scale: float) -> tuple[Tensor, int]:
    """Average maps (n, H, W) over squares of half a side `scale`, in shorter sides.

    Returns:
        The means around every cell of a grid, (n, rows, columns), on the CPU; and pixels on a
        cell's side, of which the last row and column may have fewer.
    """
    shorter = min(parts.shape[1:])
    cell = -(-shorter // _CELLS)
    means = functional.avg_pool2d(parts.cpu()[None], cell, ceil_mode=True, count_include_pad=False)
    window = min(int(2 * scale * shorter / cell) | 1, 2 * min(means.shape[2:]) - 1)
    return functional.avg_pool2d(
        means, window, stride=1, padding=window // 2, count_include_pad=False
    )[0], cell


def check_alignment(stroke: Stroke) -> None:
    """Check that strokes have a direction in which they can be turned and made longer.

    Raises:
        UserError: They don't go along a curve.
    """
    if not isinstance(stroke, AlongCurve):
        raise UserError(
            f"`along` and `longer`: a {stroke.name} stroke goes along no curve",
            "leave them out, or choose `Bezier`, `Taper` or `Line`",
        )
