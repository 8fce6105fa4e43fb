"""The painter that needs no training: gradient descent on all strokes through the exact rasterizer.

A painting starts coarse: a few large strokes, then ever more and smaller ones where the error is
left (`proposals`), while all strokes there are keep moving. Later the least useful strokes are
taken away and put where they help more. Colours are also solved for in closed form (`color_fit`).

What moves are free strokes; what is drawn, in the end and on the way, are these within the limits
of their kind (`Stroke.limit`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from annotated_types import Ge, Le, Lt
from torch import Tensor
from torch.nn import functional

from impasto.bounds import Count, Fraction, NotNegative, Positive, Rgb, Seed, Whole, validated
from impasto.canvas import to_array
from impasto.errors import UserError
from impasto.io.images import fit_size
from impasto.io.palette import find_palette
from impasto.painters.base import Painter, Progress, Sketch
from impasto.painters.budget import QUALITIES, Cost, measure_cost
from impasto.painters.objective import OBJECTIVES, load_features
from impasto.painters.proposals import Proposer, check_alignment
from impasto.painters.schedule import View, cooling, plan_events, plan_views
from impasto.painters.tiled_canvas import TiledCanvas, canvas_beside
from impasto.runtime.threads import for_loops
from impasto.strokes import COLOR_DIM, Stroke
from impasto.strokes.conversion import into_range
from impasto.strokes.limits import release, with_palette
from impasto.strokes.raster.coverage import THINNEST

_LEAST = 128  # pixels on the longer side of a canvas, where the picture has as many
_LARGEST = 4096
_PER_STROKE = 16  # pixels on a side for the square root of the number of strokes
_COARSE = 0.25 * math.sqrt(1 / 200)  # radius from which on strokes move at the full rate
_OPACITY = 4.0  # its learning rate beside that of coordinates
_LENGTHS = "xyrwhs"  # how parameters begin that are in pixels: x, y, radius, width, height, size
_CALM = 0.2  # learning rate in a film's later frames: strokes that jump flicker
_BETAS = (0.9, 0.9)  # the scene changes under a stroke: a long memory of squares only slows it


@validated
@dataclass(eq=False)
class OptimizePainter(Painter):
    """Paints by optimizing the strokes of one picture.

    Attributes:
        stroke: The stroke kind.
        strokes: How many strokes, N.
        work_size: Pixels on the longer side of the canvas; by default what so many strokes need.
        background: RGB in [0, 1] of the blank canvas.
        steps: Gradient steps: the budget. The same number gives the same painting; by default it is
            that of the quality `good`.
        learning_rate: Adam's for coordinates, in shorter sides a step; twice that for all else.
        tries: Random candidates per new stroke.
        focus: How much new strokes keep to where the error is largest (0: not at all).
        moves: How often the least useful strokes are put elsewhere.
        moved: Share of the strokes that are moved each time.
        fit_every: Steps between two closed-form fits of the colours.
        along: How far new strokes are turned to lie along the picture's edges and hairs
            (`directions`): 0 leaves them as they fall, 1 turns all of them.
        longer: How many times longer than usual they begin, beside their width; the more, the
            narrower: their area stays.
        objective: What strokes are moved by: `l2`, the squared error alone; `ssim`, with structural
            dissimilarity beside it; or `perceptual`, with a distance of a classifier's features
            (the extra `[features]`).
        seed: Fixes the painting, 0 included.

    Raises:
        UserError: A number is out of its bounds, or the stroke kind has no gradient.
    """

    stroke: Stroke
    strokes: Count
    work_size: Annotated[int, Ge(16), Le(_LARGEST)] | None = None
    background: Rgb = (0.0, 0.0, 0.0)
    steps: Count | None = None  # type: ignore[assignment]  # a number once it is there
    learning_rate: Positive = 0.02
    tries: Count = 48
    focus: NotNegative = 2.0
    moves: Whole = 12
    moved: Annotated[float, Ge(0), Lt(1)] = 0.05
    fit_every: Count = 1
    seed: Seed = 0
    along: Fraction = 0.0
    longer: Annotated[float, Ge(1), Le(32)] = 1.0
    objective: str = "l2"
    refines = True

    def __post_init__(self) -> None:
        if self.steps is None:
            self.steps = QUALITIES["good"]
        if self.objective not in OBJECTIVES:
            todo = f"give {' or '.join(OBJECTIVES)}"
            raise UserError(f"`objective={self.objective}` is unknown", todo)
        if self.objective == "perceptual":
            load_features(torch.device("cpu"))  # an error now, and not in the middle
        if not self.stroke.differentiable:
            kind = type(self.stroke).__name__
            raise UserError(
                f"`OptimizePainter` with `{kind}`: it follows the gradient of the exact drawing, "
                "and what a program draws has none",
                f"pretrain a renderer of `{kind}`, and paint through that, or by an agent that "
                "learned with it",
            )
        if self.along or self.longer > 1:
            check_alignment(self.stroke)

    @property
    def gradient_steps(self) -> int:
        """See `Painter.gradient_steps`."""
        assert self.steps is not None
        return self.steps

    def canvas(self, height: int, width: int) -> tuple[int, int]:
        """See `Painter.canvas`: never larger than the picture."""
        enough = max(_LEAST, round(_PER_STROKE * math.sqrt(self.strokes)))
        return fit_size(height, width, min(self.work_size or enough, _LARGEST))

    def with_strokes(self, strokes: int) -> "OptimizePainter":
        """See `Painter.with_strokes`."""
        return replace(self, strokes=strokes)

    def with_steps(self, steps: int) -> "OptimizePainter":
        """See `Painter.with_steps`."""
        return replace(self, steps=steps)

    def cost(self, height: int, width: int, device: torch.device | str) -> Cost:
        """See `Painter.cost`."""
        return measure_cost(self, height, width, device)

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
        with for_loops(target.device.type == "cpu"):
            return self._descend(target, progress, start, weight)

    def _descend(
        self,
        target: Tensor,
        progress: Progress | None,
        start: Tensor | None,
        weight: Tensor | None,
    ) -> Tensor:
        stroke, steps = self.stroke, self.gradient_steps
        if isinstance(stroke.palette, int):
            stroke = with_palette(stroke, find_palette(to_array(target), stroke.palette))
        strokes = target.new_empty(0, stroke.dim)  # free ones
        thinnest = THINNEST / min(target.shape[1:])
        views = plan_views(target.shape[1], target.shape[2], self.strokes, steps)
        if start is not None:
            strokes = into_range(stroke, release(stroke, start.to(target)), thinnest)
            views = [replace(views[-1], step=0)]
        events = plan_events(views, len(strokes), steps, self.moves, self.moved)
        canvases = self._canvases(stroke, target, weight, views)
        adam, rates = _Adam(stroke, strokes), self._rates(target)
        for step in range(steps):
            if step in canvases:
                tiled, proposer = canvases[step]
            if event := events.get(step):
                painted = stroke.limit(strokes)
                keep = tiled.most_useful(painted, event.remove)
                new = proposer.propose(tiled.canvas(painted[keep]), event.add, event.scale)
                strokes = torch.cat([strokes[keep], new])
                adam.replace(keep, len(new), min(1.0, event.scale / _COARSE))
            fits = step % self.fit_every == 0
            drawing = tiled.draw(stroke.limit(strokes.requires_grad_()), fits)
            (gradient,) = torch.autograd.grad(drawing.error, strokes)
            change = adam.step(gradient) * rates * cooling(step, steps)
            strokes = into_range(stroke, strokes.detach() - change, thinnest)
            if fits:
                strokes = tiled.fit(strokes, drawing, ridge=1e-5)
            if progress is not None:
                progress(Sketch(step + 1, drawing.psnr, stroke, stroke.limit(strokes)))
        return _finished(tiled, strokes)

    def _canvases(
        self, stroke: Stroke, target: Tensor, weight: Tensor | None, views: Sequence[View]
    ) -> dict[int, tuple[TiledCanvas, Proposer]]:
        """Return the canvases to work on, and the proposers of strokes for them, by first step."""
        generator = torch.Generator().manual_seed(self.seed)
        parts = target if weight is None else torch.cat([target, weight[None]])
        canvases, distance = {}, OBJECTIVES[self.objective]
        for view in views:
            size = (view.height, view.width)
            image = parts
            if size != target.shape[1:]:
                image = functional.interpolate(parts[None], size, mode="area")[0]
            weights = None if weight is None else image[3]
            tiled = canvas_beside(stroke, image[:3], self.background, weights, distance)
            canvases[view.step] = tiled, self.proposer(tiled, generator)
        return canvases

    def proposer(self, tiled: TiledCanvas, generator: torch.Generator) -> Proposer:
        """Return what new strokes on a canvas come from."""
        aligned = {"along": self.along, "longer": self.longer}
        return Proposer(tiled, self.tries, self.focus, generator, **aligned)

    def _rates(self, target: Tensor) -> Tensor:
        """Return each parameter's learning rate, (D,): the same in pixels along both sides."""
        height, width = target.shape[1:]
        pace = self.stroke.pace * min(height, width)
        paces = {"x": pace / width, "y": pace / height, "o": _OPACITY}
        factor = [paces.get(name[0], 2.0) for name in self.stroke.parameters]
        return target.new_tensor(factor + [2.0] * COLOR_DIM) * self.learning_rate


@torch.no_grad()
def _finished(tiled: TiledCanvas, strokes: Tensor) -> Tensor:
    """Return free strokes (N, D) within their limits, in the best colours where that helps."""
    limited = tiled.stroke.limit(strokes)
    drawing = tiled.draw(limited, fits=True)
    fitted = strokes
    for _ in range(3):  # colours cut to [0, 1] leave something for the others to make good
        fitted = tiled.fit(fitted, drawing, ridge=1e-6)
    fitted = tiled.stroke.limit(fitted)
    return fitted if tiled.draw(fitted).error < drawing.error else limited


class _Adam:
    """Adam (Kingma and Ba) on a set of strokes of which some are replaced.

    Each has its own age, and moves the slower the smaller it began.
    """

    def __init__(self, stroke: Stroke, strokes: Tensor) -> None:
        lengths = [
            name not in stroke.relative and name[0] in _LENGTHS for name in stroke.parameters
        ]
        self._lengths = torch.tensor(lengths + [False] * COLOR_DIM, device=strokes.device)
        self.mean = torch.zeros_like(strokes)  # (N, D)
        self.square = torch.zeros_like(strokes)
        self.age = strokes.new_zeros(len(strokes), 1)
        self.pace = strokes.new_ones(len(strokes), 1)

    def replace(self, keep: Tensor, new: int, pace: float) -> None:
        """Keep the state of some strokes, and append that of new ones of this pace."""
        self.pace = torch.cat([self.pace[keep], self.pace.new_full((new, 1), pace)])
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
        return mean / (square.sqrt() + 1e-12) * torch.where(self._lengths, self.pace, 1.0)
