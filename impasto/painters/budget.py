"""Budgets: how many strokes a picture needs, and how many gradient steps there is time for.

Both are settled before a painting begins. Its strokes follow from the picture alone, its steps from
the cost of a few of them, which is measured; given as numbers, they make the same painting again.
"""

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
from annotated_types import Gt, Le
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from impasto.bounds import validated
from impasto.errors import UserError
from impasto.io.images import fit_size, resize_image
from impasto.painters.base import Painter, Sketch, canvas_in_memory
from impasto.painters.schedule import View, plan_events, plan_views
from impasto.painters.tiled_canvas import canvas_beside
from impasto.painters.transparency import shown_on
from impasto.strokes import Stroke
from impasto.strokes.conversion import into_range
from impasto.strokes.limits import with_palette
from impasto.strokes.raster.coverage import THINNEST

if TYPE_CHECKING:
    from impasto.painters.optimize import OptimizePainter

log = logging.getLogger(__name__)

AUTO = "auto"
QUALITIES = {"sketch": 100, "good": 400, "best": 1500}  # gradient steps, for any number of strokes
Seconds = Annotated[float, Gt(0), Le(86_400)]

_FEWEST, _MOST = 50, 16_000  # strokes that are chosen
_LONGER = 1024  # pixels of the picture in which detail is counted
_WANTED = 30.0  # dB, that the counted wavelets come to, and about what the strokes do
_SHARE, _POWER = 0.01, 1.25  # of wavelets to strokes, from what ten photographs needed for 30 dB

_QUICK = 2**24  # pixels that the steps of a painting of a few seconds draw: its cost isn't measured
_PLANNED = 1000  # steps of a plan, of whose shares any number's are
_TIMED = 3  # steps, at most
_LONG = 0.1  # seconds, after which fewer do
_TRIED = 32  # strokes, proposed in `_BATCHES` times
_BATCHES = 4
_LAST = 3  # steps that the colours of the end take
_GROWN = 3.5  # size of strokes that were moved beside new ones: so they lie on as many tiles
_STILL = 1e-9  # learning rate: on another picture than theirs, strokes would grow at every step
_WARM_UP = View(0, 32, 32, 8)


@dataclass(frozen=True)
class Cost:
    """Cost of a painting, in seconds on this machine.

    Attributes:
        fixed: Of what any number of steps takes: strokes proposed and moved.
        each: Of a gradient step, on the mean.
    """

    fixed: float
    each: float

    def seconds(self, steps: int) -> float:
        """Return how long a painting of so many steps takes."""
        return self.fixed + steps * self.each

    def steps(self, seconds: float) -> int:
        """Return how many steps there is time for, at least one."""
        return max(1, int((seconds - self.fixed) / self.each))


@validated
@dataclass(frozen=True)
class Budget:
    """Budget of a painting, beside a painter's own number of strokes and steps.

    Attributes:
        strokes: `auto` chooses their number by the picture's content; a number is the painter's.
        quality: `sketch`, `good` or `best`: see `QUALITIES`. The painter's own steps by default.
        seconds: How long to paint; at most one of this, `quality` and `steps` is given.
        steps: The painter's, where they were asked for.

    Raises:
        UserError: Two say how long, the quality is unknown, or the time is out of its bounds.
    """

    strokes: int | str | None = None
    quality: str | None = None
    seconds: Seconds | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.strokes, str) and self.strokes != AUTO:
            raise UserError(f"`strokes={self.strokes}`", f"give a whole number, or {AUTO}")
        if self.quality is not None and self.quality not in QUALITIES:
            todo = f"choose from {', '.join(QUALITIES)}"
            raise UserError(f"`quality={self.quality}` is unknown", todo)
        said = {name: getattr(self, name) for name in ("steps", "quality", "seconds")}
        given = [f"`{name}={value}`" for name, value in said.items() if value is not None]
        if len(given) > 1:
            what = f"{' and '.join(given)} each say how long to paint"
            raise UserError(what, "give one of them")

    @property
    def is_given(self) -> bool:
        """True if it settles anything."""
        return self.strokes == AUTO or self.quality is not None or self.seconds is not None

    def check(self, painter: Painter) -> None:
        """Check that a painter has the steps that this is about.

        Raises:
            UserError: It has none.
        """
        asked = "quality" if self.seconds is None else "seconds"
        if getattr(self, asked) is not None and painter.gradient_steps is None:
            raise UserError(
                f"`{asked}={getattr(self, asked)}` with `{type(painter).__name__}`, which takes no "
                "gradient steps",
                "leave it out, or take `OptimizePainter`, or an agent with `refine=120`",
            )

    def plan(
        self, painter: Painter, image: NDArray[np.uint8], device: torch.device | str = "cpu"
    ) -> Painter:
        """Settle strokes and steps of one painting, and say in the log what takes seconds.

        Args:
            painter: The painter of any picture.
            image: (H, W, 3 or 4) uint8, RGB or with alpha.
            device: Where to paint.

        Returns:
            The painter of this one.

        Raises:
            UserError: See `check`; or there is not the memory.
        """
        self.check(painter)
        what = ""
        if self.strokes == AUTO:
            red, green, blue = painter.background
            terms = count_wavelets(shown_on(image, (red, green, blue)))
            painter = painter.with_strokes(strokes_for(terms))
            come = "wavelet comes" if terms == 1 else "wavelets come"
            what = f"by its content, {terms:,} {come} to {_WANTED:.0f} dB; "
        what += f"{painter.strokes:,} stroke{'s' * (painter.strokes != 1)}"
        if self.quality is not None:
            painter = painter.with_steps(QUALITIES[self.quality])
        if (steps := painter.gradient_steps) is not None:
            height, width = image.shape[:2]
            drawn = steps * math.prod(painter.canvas(height, width))
            told = self.seconds is not None or drawn > _QUICK
            about, cost = "", painter.cost(height, width, device) if told else None
            if cost is not None:
                steps = steps if self.seconds is None else cost.steps(self.seconds)
                about = f": about {in_words(cost.seconds(steps))}"
            painter = painter.with_steps(steps)
            what += f", {steps:,} step{'s' * (steps != 1)}{about}"
        log.info("%s", what)
        return painter


def strokes_for(wavelets: int) -> int:
    """Return the number of strokes for a picture of so much detail: see `count_wavelets`."""
    return min(_MOST, max(_FEWEST, round(_SHARE * math.pow(wavelets, _POWER))))


def count_wavelets(image: NDArray[np.uint8]) -> int:
    """Count the Haar wavelets that show a picture nearly as well as its painting is to.

    The best approximation by n terms takes the n largest (DeVore, "Nonlinear approximation", Acta
    Numerica 1998, section 2); like strokes they are large where little is seen and small where
    much is, and the more there is to see the more it takes.

    Args:
        image: (H, W, 3) uint8.
    """
    size = fit_size(image.shape[0], image.shape[1], _LONGER)
    small = image if image.shape[:2] == size else resize_image(image, *size)
    part = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255  # (1, 3, h, w)
    allowed = 10 ** (-_WANTED / 10) * part.numel()
    energies = []
    while max(part.shape[2:]) > 1:
        height, width = part.shape[2:]
        part = functional.pad(part, (0, width % 2, 0, height % 2), mode="replicate")
        top, bottom = part[..., ::2, :], part[..., 1::2, :]
        sums, differences = top + bottom, top - bottom
        left, right = sums[..., ::2], sums[..., 1::2]
        details = [left - right, differences[..., ::2], differences[..., 1::2]]
        details[1:] = [details[1] + details[2], details[1] - details[2]]
        energies += [(detail / 2).square().sum(1).flatten() for detail in details]
        part = (left + right) / 2
    if not energies:
        return 0
    left_out = torch.cat(energies).sort()[0].cumsum(0, dtype=torch.float64)
    return len(left_out) - int(torch.searchsorted(left_out, allowed, right=True))


def measure_cost(
    painter: "OptimizePainter",
    height: int,
    width: int,
    device: torch.device | str,
) -> Cost:
    """Time a few steps and proposals of a painter, with strokes at random in place of a painting's.

    Args:
        painter: The painter.
        height: Rows of the picture.
        width: Columns of it.
        device: Where to paint.

    Raises:
        UserError: There is not the memory.
    """
    rows, columns = canvas_in_memory(painter, height, width)
    views = plan_views(rows, columns, painter.strokes, _PLANNED)
    events = plan_events(views, 0, _PLANNED, painter.moves, painter.moved)
    times = np.empty((_PLANNED, 3))
    for view in (_WARM_UP, *views):  # compiled by the first, if need be
        times[view.step :] = _rehearse(painter, view, device)
    step, stroke, batch = times.T
    fixed = _LAST * step[-1]
    for place, event in events.items():
        fixed += event.add * stroke[place] + _BATCHES * batch[place] + step[place]
    return Cost(float(fixed), float(step.mean()))


def _rehearse(
    painter: "OptimizePainter", view: View, device: torch.device | str
) -> tuple[float, float, float]:
    """Return how long a step in a view takes, a stroke proposed there, and a batch of such besides.

    In seconds, each.
    """
    generator = torch.Generator().manual_seed(painter.seed)
    stroke = _colored(painter.stroke, generator)
    target = torch.rand(3, view.height, view.width, generator=generator).to(device)
    scale = plan_events([replace(view, step=0)], 0, 1, 0, 0.0)[0].scale  # of so many strokes
    start = _random_strokes(stroke, view, _GROWN * scale, generator).to(device)
    step = _step_seconds(replace(painter, stroke=stroke), target, start)
    tiled = canvas_beside(stroke, target, painter.background)
    propose = partial(painter.proposer(tiled, generator).propose, tiled.canvas(start), scale=scale)
    one, many = (_timed(partial(propose, count)) for count in (1, _TRIED))
    one = min(one, many / _BATCHES)  # or it was disturbed
    each = (many - _BATCHES * one) / (_TRIED - _BATCHES)
    return step, each, max(0.0, one - each)


class _Enough(Exception):
    """A rehearsal has told what it can."""


def _step_seconds(painter: "OptimizePainter", target: Tensor, start: Tensor) -> float:
    """Return how long a gradient step takes that goes on from these strokes."""
    times = [time.perf_counter()]

    def clock(sketch: Sketch) -> None:
        times.append(time.perf_counter())
        enough = _TIMED if times[-1] - times[0] < _LONG else 1
        if len(times) > 1 + enough:  # without the first, which finds no memory at hand
            raise _Enough

    with suppress(_Enough):
        still = replace(
            painter, strokes=len(start), steps=_TIMED + 2, moves=0, learning_rate=_STILL
        )
        still.paint(target, clock, start)
    return float(np.diff(times[1:]).min())


def _timed(work: Callable[[], object]) -> float:
    """Return how long work takes at best: what is short, others on the machine disturb."""
    times = [time.perf_counter()]
    while len(times) <= _TIMED and times[-1] - times[0] < _LONG:
        work()
        times.append(time.perf_counter())
    return float(np.diff(times).min())


def _random_strokes(stroke: Stroke, view: View, scale: float, generator: torch.Generator) -> Tensor:
    """Return as many strokes (N, D) as the view has by its end, of some size, anywhere."""
    shorter = min(view.height, view.width)
    center = torch.rand(view.strokes, 2, generator=generator)
    sides = view.width / shorter, view.height / shorter
    shape = into_range(stroke, stroke.place(center, scale, generator, sides), THINNEST / shorter)
    return stroke.limit(torch.cat([shape, torch.rand(len(shape), 3, generator=generator)], dim=1))


def _colored(stroke: Stroke, generator: torch.Generator) -> Stroke:
    """Return the stroke kind with some palette, where it is to be of so many colours."""
    if not isinstance(stroke.palette, int):
        return stroke
    colors = torch.rand(stroke.palette, 3, generator=generator).tolist()
    return with_palette(stroke, [(red, green, blue) for red, green, blue in colors])


def in_words(seconds: float) -> str:
    """Write a time as a person would.

    >>> in_words(0.3), in_words(59), in_words(400)
    ('1 s', '59 s', '7 min')
    """
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
