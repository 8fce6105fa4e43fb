"""Schedule of an optimization: when strokes are added, and when they are moved."""

import math
from dataclasses import dataclass

_FIRST_STROKES = 8  # how many large ones a painting starts with
_STAGE_GROWTH = 2.2  # how many times more there are after each further stage
_GROWING = 0.1  # share of the steps in which strokes are still added
_MOVING = 0.7  # share of the steps after which no stroke is moved elsewhere any more
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


def plan(
    present: int, strokes: int, steps: int, moves: int, moved: float, aspect: float = 1.0
) -> dict[int, Event]:
    """Plan coarse to fine: stages of ever more and smaller strokes, then moves.

    Args:
        present: How many strokes there are at the start; with some, the rest comes at once.
        strokes: How many strokes there are in the end.
        steps: How many steps there are.
        moves: How often strokes are moved after all are there.
        moved: Share of the strokes that each move takes away and proposes anew.
        aspect: The canvas's longer side over its shorter one.

    Returns:
        Events by the step before which they happen; the first one is before step 0.
    """
    events: dict[int, Event] = {}
    first = min(_FIRST_STROKES, strokes)
    stages = 1 + math.ceil(math.log(strokes / first, _STAGE_GROWTH))
    before = 0
    if present:
        first, stages, before = strokes, int(present < strokes), present
    for stage in range(stages):
        after = round(first * (strokes / first) ** (stage / max(1, stages - 1)))
        step = int(_GROWING * steps * stage / stages)
        earlier = events[step].add if step in events else 0  # in a run of few steps
        events[step] = Event(0, after - before + earlier, _radius(after, aspect))
        before = after
    count = int(moved * strokes)
    for move in range(1, moves + 1 if count else 1):
        step = int(steps * (_GROWING + (_MOVING - _GROWING) * move / moves))
        events.setdefault(step, Event(count, count, _radius(strokes, aspect)))
    return events


def cooling(step: int, steps: int) -> float:
    """Return a step's learning rate as a share of the first: a half cosine from 1 to nearly 0."""
    return _LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * step / steps)) / 2


def _radius(count: int, aspect: float) -> float:
    """Return the radius of `count` strokes that cover the canvas, in shorter sides."""
    return SC * min(0.25, 0.5 * math.sqrt(aspect / count))
import os
SC=float(os.environ.get('SC','0.5'))
