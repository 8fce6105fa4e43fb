"""The painter that needs no training: gradient descent on all strokes through the exact rasterizer.

A painting starts coarse: a few large strokes, then ever more and smaller ones where the error is
left (`greedy`), while all strokes there are keep moving. Later the least useful strokes are taken
away and put where they help more. Colours are also solved for in closed form (`fitting`).

What moves are unconstrained strokes; what is drawn, in the end and on the way, are these within the
limits of their kind (`Stroke.limit`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from impasto.canvas import to_array
from impasto.errors import UserError
from impasto.io.palette import find_palette
from impasto.painters.base import Painter, Progress, Sketch
from impasto.painters.proposals import Proposer
from impasto.painters.schedule import cooling, plan
from impasto.painters.tiled_canvas import TILE, TiledCanvas
from impasto.strokes import COLOR_DIM, Stroke

_LARGEST = 512  # pixels on the longer side
_LEAST = 128
_LEAST_COARSE = 112  # pixels on the shorter side
_PER_STROKE = 10  # pixels on a side for the square root of the number of strokes
_CALM = 0.2  # learning rate in a film's later frames: strokes that jump flicker
_BETAS = (0.9, 0.9)  # the scene changes under a stroke: a long memory of squares only slows it


@dataclass(eq=False)
class OptimizePainter(Painter):
    """Paints by optimizing the strokes of one picture.

    Attributes:
        stroke: The stroke kind.
        strokes: How many strokes, N.
        work_size: Pixels on the longer side of the canvas; by default what so many strokes need.
        background: RGB in [0, 1] of the blank canvas.
        steps: Gradient steps: the budget. The same number gives the same painting.
        learning_rate: Adam's for coordinates, in shorter sides a step; twice that for all else.
        tries: Random candidates per new stroke.
        focus: How much new strokes keep to where the error is largest (0: not at all).
        moves: How often the least useful strokes are put elsewhere.
        moved: Share of the strokes that are moved each time.
        fit_every: Steps between two closed-form fits of the colours.
        coarse: Share of the steps, the first ones, that look at a large canvas in half its size.
        seed: Fixes the painting, 0 included.

    Raises:
        UserError: A number makes no sense.
    """

    stroke: Stroke
    strokes: int
    work_size: int | None = None
    background: Sequence[float] = (0.0, 0.0, 0.0)
    steps: int = 700
    learning_rate: float = 0.02
    tries: int = 48
    focus: float = 2.0
    moves: int = 12
    moved: float = 0.05
    fit_every: int = 5
    coarse: float = 0.6
    seed: int = 0
    refines = True

    def __post_init__(self) -> None:
        if not self.stroke.differentiable:
            kind = type(self.stroke).__name__
            raise UserError(
                f"`OptimizePainter` with `{kind}`: it follows the gradient of the exact drawing, "
                "and what a program draws has none",
                f"pretrain a renderer of `{kind}`, and paint through that, or by an agent that "
                "learned with it",
            )
        counts = {"strokes": self.strokes, "steps": self.steps}
        counts |= {"tries": self.tries, "fit_every": self.fit_every}
        for key, value in counts.items():
            _require(value >= 1, f"`{key}={value}`", "a whole number of at least 1")
        size = self.work_size
        fits = size is None or TILE <= size <= _LARGEST
        _require(fits, f"`work_size={size}`", f"{TILE} to {_LARGEST} pixels")
        rate = self.learning_rate
        _require(rate > 0, f"`learning_rate={rate}`", "a positive number")
        _require(self.focus >= 0, f"`focus={self.focus}`", "0 or more")
        _require(self.moves >= 0, f"`moves={self.moves}`", "0 or more")
        _require(0 <= self.coarse <= 1, f"`coarse={self.coarse}`", "a share from 0 to 1")
        _require(0 <= self.moved < 1, f"`moved={self.moved}`", "a share from 0 to below 1")

    def canvas(self, height: int, width: int) -> tuple[int, int]:
        """See `Painter.canvas`: whole tiles."""
        enough = max(_LEAST, _PER_STROKE * math.sqrt(self.strokes))
        longer = self.work_size or min(_LARGEST, round(enough))
        tiles = longer / max(height, width) / TILE
        return max(1, round(height * tiles)) * TILE, max(1, round(width * tiles)) * TILE

    def with_strokes(self, strokes: int) -> "OptimizePainter":
        """See `Painter.with_strokes`."""
        return replace(self, strokes=strokes)

    def on(self, background: Sequence[float]) -> "OptimizePainter":
        """See `Painter.on`."""
        return replace(self, background=background)

    def following(self, steps: int) -> "OptimizePainter":
        """See `Painter.following`: slower, and no stroke is put elsewhere."""
        rate = self.learning_rate * _CALM
        return replace(self, steps=steps, learning_rate=rate, moves=0)

    def paint(
        self,
        target: Tensor,
        progress: Progress | None = None,
        start: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        """See `Painter.paint`."""
        stroke = self.stroke
        if isinstance(stroke.palette, int):
            stroke = stroke.with_palette(find_palette(to_array(target), stroke.palette))
        strokes = target.new_empty(0, stroke.dim)
        if start is not None:
            strokes = stroke.into_range(stroke.release(start.to(target)))
        aspect = max(target.shape[1:]) / min(target.shape[1:])
        events = plan(len(strokes), self.strokes, self.steps, self.moves, self.moved, aspect)
        adam = _Adam(strokes)
        views = self._views(stroke, target, weight)
        for step in range(self.steps):
            if step in views:
                tiled, proposer, rate = views[step]
            if event := events.get(step):
                keep = tiled.most_useful(strokes, event.remove)
                canvas = tiled.canvas(strokes[keep])
                new = proposer.propose(canvas, event.add, event.scale)
                strokes = torch.cat([strokes[keep], new])
                adam.replace(keep, len(new))
            drawing = tiled.draw(strokes.requires_grad_())
            (gradient,) = torch.autograd.grad(drawing.error, strokes)
            change = adam.step(gradient) * rate * cooling(step, self.steps)
            strokes = stroke.into_range(strokes.detach() - change)
            if step % self.fit_every == 0:
                strokes = tiled.fit(strokes, drawing, ridge=1e-5)
            if progress is not None:
                progress(Sketch(step + 1, drawing.psnr, stroke, strokes))
        return tiled.finish(strokes)

    def _views(
        self, stroke: Stroke, target: Tensor, weight: Tensor | None
    ) -> dict[int, tuple[TiledCanvas, Proposer, Tensor]]:
        """Return the canvases to work on, by first step: a large target begins in half its size.

        Each comes with the proposer of strokes for it, and the learning rates (D,).
        """
        generator = torch.Generator().manual_seed(self.seed)
        whole = torch.cat([target, torch.ones_like(target[:1]) if weight is None else weight[None]])
        size = [TILE * max(1, round(side / 2 / TILE)) for side in target.shape[1:]]
        images = {0: whole}
        if min(size) >= _LEAST_COARSE:
            coarse = functional.interpolate(whole[None], size, mode="area")[0]
            images = {0: coarse, int(self.coarse * self.steps): whole}
        views = {}
        for step, image in images.items():
            of = Proposer(stroke, image[:3], TILE, self.tries, self.focus, generator, image[3])
            tiled = TiledCanvas(stroke, image[:3], self.background, image[3])
            views[step] = (tiled, of, self._rates(image))
        return views

    def _rates(self, target: Tensor) -> Tensor:
        """Return each parameter's learning rate, (D,): the same in pixels along both sides."""
        height, width = target.shape[1:]
        pace = self.stroke.pace * min(height, width)
        paces = {"x": pace / width, "y": pace / height}
        factor = [paces.get(name[0], 2.0) for name in self.stroke.parameters]
        return target.new_tensor(factor + [2.0] * COLOR_DIM) * self.learning_rate


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
        """Return the step (N, D) to subtract, before the learning rate."""
        self.age += 1
        self.mean.lerp_(gradient, 1 - _BETAS[0])
        self.square.lerp_(gradient.square(), 1 - _BETAS[1])
        mean = self.mean / (1 - _BETAS[0] ** self.age)
        square = self.square / (1 - _BETAS[1] ** self.age)
        return mean / (square.sqrt() + 1e-10)


def _require(holds: bool, what: str, advice: str) -> None:
    if not holds:
        raise UserError(f"{what} makes no sense", f"give {advice}")
