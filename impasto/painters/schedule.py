"""Schedule of an optimization: when strokes are added, and when they are moved."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_FIRST_STROKES = 8  # how many large ones a painting starts with
_STAGE_GROWTH = 2.2  # how many times more there are after each further stage
_GROWING = 0.1  # share of the steps, from the start of a view, in which strokes are added
_VIEWED = 0.5  # share of the steps before the picture is looked at in its own size
_LEAST_SIDE = 112  # pixels on the shorter side of a view
_PIXELS_EACH = 64  # of a smaller view, for each stroke
_MOVING = 0.75  # share of the steps after which no stroke is moved elsewhere any more
_LAST_RATE = 0.02  # learning rate at the end, as a share of the first


@dataclass(frozen=True)
class Event:
    """Changes to the strokes before a step.

    Attributes:
        remove: Number of the least useful strokes to take away.
        add: Number of strokes to add on top of the others.
        scale: Radius of the new ones, as a fraction of the canvas's shorter side.
    """

    remove: int
    add: int
    scale: float


@dataclass(frozen=True)
class View:
    """A size in which the picture is looked at, from a step on.

    Attributes:
        step: The first step.
        height: Rows.
        width: Columns.
        strokes: How many there are by its end.
    """

    step: int
    height: int
    width: int
    strokes: int


def plan_views(height: int, width: int, strokes: int, steps: int) -> list[View]:
    """Plan the sizes in which a picture (height, width) is looked at: the last one is its own.

    A large one is begun in a quarter and a half of its size, where steps cost little, with as many
    strokes as so many pixels can tell apart.
    """
    shares = [share for share in (4, 2) if min(height, width) // share >= _LEAST_SIDE]
    views = []
    for number, share in enumerate([*shares, 1]):
        size = max(1, round(height / share)), max(1, round(width / share))
        count = strokes if share == 1 else min(strokes, size[0] * size[1] // _PIXELS_EACH)
        first = int(steps * number * _VIEWED / max(1, len(shares)))
        views.append(View(first, *size, count))
    return views


def plan_events(
    views: Sequence[View], present: int, steps: int, moves: int, moved: float
) -> dict[int, Event]:
    """Plan coarse to fine: in each view stages of ever more and smaller strokes, then moves.

    Args:
        views: The sizes in which the picture is looked at, in their order.
        present: How many strokes there are at the start.
        steps: How many steps there are.
        moves: How often strokes are moved after all are there.
        moved: Share of the strokes that each move takes away and proposes anew.

    Returns:
        Events by the step before which they happen; the first one is before step 0.
    """
    last = views[-1]
    aspect = max(last.height, last.width) / min(last.height, last.width)
    events: dict[int, Event] = {}
    before = present
    for view in views:
        counts = _growth(before, view.strokes)
        for number, after in enumerate(counts):
            step = view.step + int(_GROWING * steps * number / len(counts))
            earlier = events[step].add if step in events else 0  # in a run of few steps
            events[step] = Event(0, after - before + earlier, _radius(after, aspect))
            before = after
    count = int(moved * last.strokes)
    start = last.step / steps + _GROWING
    for move in range(1, moves + 1 if count else 1):
        step = int(steps * (start + max(0.0, _MOVING - start) * move / moves))
        events.setdefault(step, Event(count, count, _radius(last.strokes, aspect)))
    return events


def _growth(before: int, strokes: int) -> list[int]:
    """Return how many strokes there are after each stage of growth."""
    if before >= strokes:
        return []
    first = before or min(_FIRST_STROKES, strokes)
    stages = math.ceil(math.log(strokes / first, _STAGE_GROWTH))
    counts = [round(first * (strokes / first) ** (n / stages)) for n in range(1, stages + 1)]
    return counts if before else [first, *counts]


def cooling(step: int, steps: int) -> float:
    """Return a step's learning rate as a share of the first: a half cosine from 1 to nearly 0."""
    return _LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * step / steps)) / 2


def _radius(count: int, aspect: float) -> float:
    """Return the radius of new strokes, in shorter sides, where there are `count` of them.

    Narrow ones: they grow where it helps, and what begins wide hides what is there.
    """
    return min(0.125, 0.15 * math.sqrt(aspect / count))
