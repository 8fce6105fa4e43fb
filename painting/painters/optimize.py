"""The painter that needs no training: gradient descent on all strokes through the exact rasterizer.

A painting starts coarse: a few large strokes, then ever more and smaller ones where the error is
left (`greedy`), while all strokes there are keep moving. Later the least useful strokes are taken
away and put where they help more. Colours are also solved for in closed form (`fitting`).

What moves are free strokes; what is drawn, in the end and on the way, are these within the limits
of their kind (`Stroke.limit`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from painting.canvas import blank_canvas, to_array
from painting.errors import UserError
from painting.painters.base import Painter, Progress
from painting.painters.fitting import fit_colors, stroke_worth
from painting.painters.greedy import Proposer
from painting.painters.schedule import cooling, plan
from painting.painters.tiles import (
    Tiling,
    composite_rows,
    from_tiles,
    rasterize_rows,
    tile_strokes,
    to_tiles,
)
from painting.palette import find_palette
from painting.strokes import COLOR_DIM, Stroke

_TILE = 8  # pixels; divides every canvas size, and wastes little on small strokes
_BETAS = (0.9, 0.9)  # the scene changes under a stroke: a long memory of squares only slows it


@dataclass(eq=False)
class OptimizePainter(Painter):
    """Paints by optimizing the strokes of one picture.

    Attributes:
        stroke: The stroke kind.
        strokes: How many strokes, N.
        canvas_size: Pixels on a side of the square canvas, a multiple of 8.
        background: RGB in [0, 1] of the blank canvas.
        steps: Gradient steps: the budget. The same number gives the same painting.
        learning_rate: Adam's for coordinates, in canvas sides a step; twice that for all else.
        tries: Random candidates per new stroke.
        focus: How much new strokes keep to where the error is largest (0: not at all).
        moves: How often the least useful strokes are put elsewhere.
        moved: Share of the strokes that are moved each time.
        fit_every: Steps between two closed-form fits of the colours.
        seed: Fixes the painting, 0 included.

    Raises:
        UserError: A number makes no sense.
    """

    stroke: Stroke
    strokes: int
    canvas_size: int = 128
    background: Sequence[float] = (0.0, 0.0, 0.0)
    steps: int = 700
    learning_rate: float = 0.02
    tries: int = 48
    focus: float = 2.0
    moves: int = 12
    moved: float = 0.05
    fit_every: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        counts = {"strokes": self.strokes, "painter.steps": self.steps}
        counts |= {"painter.tries": self.tries, "painter.fit_every": self.fit_every}
        for key, value in counts.items():
            _require(value >= 1, f"{key}={value}", "a whole number of at least 1")
        size = self.canvas_size
        _require(
            size >= _TILE and size % _TILE == 0, f"canvas.size={size}", f"a multiple of {_TILE}"
        )
        rate = self.learning_rate
        _require(rate > 0, f"painter.learning_rate={rate}", "a positive number")
        _require(self.focus >= 0, f"painter.focus={self.focus}", "0 or more")
        _require(self.moves >= 0, f"painter.moves={self.moves}", "0 or more")
        _require(0 <= self.moved < 1, f"painter.moved={self.moved}", "a share from 0 to below 1")

    def paint(self, target: Tensor, progress: Progress | None = None) -> Tensor:
        """See `Painter.paint`."""
        generator = torch.Generator().manual_seed(self.seed)
        stroke = self.stroke
        if isinstance(stroke.palette, int):
            stroke = stroke.with_palette(find_palette(to_array(target), stroke.palette))
        proposer = Proposer(stroke, target, _TILE, self.tries, self.focus, generator)
        easel = _Easel(stroke, target, self.background)
        events = plan(self.strokes, self.steps, self.moves, self.moved)
        strokes = target.new_empty(0, stroke.dim)
        adam = _Adam(strokes)
        rate = self._rates(target)
        for step in range(self.steps):
            if event := events.get(step):
                keep = easel.most_useful(strokes, event.remove)
                canvas = easel.canvas(strokes[keep])
                new = proposer.propose(canvas, event.add, event.scale)
                strokes = torch.cat([strokes[keep], new])
                adam.replace(keep, len(new))
            drawing = easel.draw(strokes.requires_grad_())
            error = drawing.error
            (gradient,) = torch.autograd.grad(error, strokes)
            change = adam.step(gradient) * rate * cooling(step, self.steps)
            strokes = stroke.into_range(strokes.detach() - change)
            if step % self.fit_every == 0:
                strokes = easel.fit(strokes, drawing, ridge=1e-5)
            if progress is not None:
                progress(step + 1, float(-10 * error.detach().clamp_min(1e-10).log10()))
        return easel.finish(strokes)

    def _rates(self, target: Tensor) -> Tensor:
        """Learning rate of each number of a stroke, (D,)."""
        names, pace = self.stroke.parameters, self.stroke.pace
        factor = [pace if name.startswith(("x", "y")) else 2.0 for name in names]
        return target.new_tensor(factor + [2.0] * COLOR_DIM) * self.learning_rate


@dataclass
class _Drawing:
    """Strokes drawn on the tiles, all in the tiling's order."""

    tiling: Tiling
    alpha: Tensor  # (R, 1, T, T), without a gradient
    color: Tensor  # (N, 3), within the palette
    ground: Tensor  # (K, 3, T, T)
    target: Tensor  # (K, 3, T, T)
    canvas: Tensor  # (K, 3, T, T)

    @property
    def error(self) -> Tensor:
        """Mean squared error, a scalar."""
        return functional.mse_loss(self.canvas, self.target)


class _Easel:
    """The blank canvas beside the target (3, n, n), both cut into tiles."""

    def __init__(self, stroke: Stroke, target: Tensor, background: Sequence[float]) -> None:
        self.stroke = stroke
        self.height, self.width = target.shape[1:]
        blank = blank_canvas(1, self.height, self.width, background, target.device)[0]
        self.ground = to_tiles(blank, _TILE)
        self.target = to_tiles(target, _TILE)

    def draw(self, strokes: Tensor) -> _Drawing:
        """Draw free strokes (N, D) within their limits, differentiably."""
        shape, color = self._split(self.stroke.limit(strokes))
        tiling = tile_strokes(self.stroke, shape, self.height, self.width, _TILE)
        alpha = rasterize_rows(self.stroke, shape, tiling, self.height, self.width, _TILE)
        ground, target = self.ground[tiling.order], self.target[tiling.order]
        canvas = composite_rows(ground, alpha, color, tiling)
        return _Drawing(tiling, alpha.detach(), color.detach(), ground, target, canvas)

    @torch.no_grad()
    def canvas(self, strokes: Tensor) -> Tensor:
        """Draw strokes (N, D) as one canvas (3, n, n)."""
        drawing = self.draw(strokes)
        tiles = torch.empty_like(drawing.canvas)
        tiles[drawing.tiling.order] = drawing.canvas
        return from_tiles(tiles, self.height, self.width)

    @torch.no_grad()
    def most_useful(self, strokes: Tensor, remove: int) -> Tensor:
        """All but the `remove` strokes that would be missed least, as indices in painting order."""
        if not remove:
            return torch.arange(len(strokes), device=strokes.device)
        drawing = self.draw(strokes)
        alpha, color, ground, target = drawing.alpha, drawing.color, drawing.ground, drawing.target
        worth = stroke_worth(alpha, color, ground, target, drawing.tiling)
        return worth.argsort(stable=True)[remove:].sort()[0]

    def fit(self, strokes: Tensor, drawing: _Drawing, ridge: float) -> Tensor:
        """Strokes with fitted colours; `ridge` is a share of the canvas's pixels."""
        shape, color = self._split(strokes)
        alpha, ground, target = drawing.alpha, drawing.ground, drawing.target
        weight = ridge * self.height * self.width
        color = fit_colors(alpha, color, ground, target, drawing.tiling, weight)
        return torch.cat([shape, color], dim=1)

    @torch.no_grad()
    def finish(self, strokes: Tensor) -> Tensor:
        """Fit the colours to the final shapes, where that helps; the result is within limits."""
        drawing = self.draw(strokes)
        fitted = strokes
        for _ in range(3):  # colours cut to [0, 1] leave something for the others to make good
            fitted = self.fit(fitted, drawing, ridge=1e-6)
        better = self.draw(fitted).error < drawing.error
        return self.stroke.limit(fitted if better else strokes)

    def _split(self, strokes: Tensor) -> tuple[Tensor, Tensor]:
        return strokes[:, : self.stroke.shape_dim], strokes[:, self.stroke.shape_dim :]


class _Adam:
    """Adam (Kingma and Ba) on a set of strokes of which some are replaced: each has its own age."""

    def __init__(self, strokes: Tensor) -> None:
        self.mean = torch.zeros_like(strokes)  # (N, D)
        self.square = torch.zeros_like(strokes)
        self.age = strokes.new_zeros(len(strokes), 1)

    def replace(self, keep: Tensor, new: int) -> None:
        """Keep the state of some strokes, and append that of new ones."""
        for name in ("mean", "square", "age"):
            state = getattr(self, name)[keep]
            setattr(self, name, torch.cat([state, state.new_zeros(new, state.shape[1])]))

    def step(self, gradient: Tensor) -> Tensor:
        """The step (N, D) to go against, before the learning rate."""
        self.age += 1
        self.mean.lerp_(gradient, 1 - _BETAS[0])
        self.square.lerp_(gradient.square(), 1 - _BETAS[1])
        mean = self.mean / (1 - _BETAS[0] ** self.age)
        square = self.square / (1 - _BETAS[1] ** self.age)
        return mean / (square.sqrt() + 1e-10)


def _require(holds: bool, what: str, wanted: str) -> None:
    if not holds:
        raise UserError(f"{what} makes no sense", f"give {wanted}")
