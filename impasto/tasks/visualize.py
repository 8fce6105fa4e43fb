"""The task `visualize`: strokes that convince classifiers of a class."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from impasto.bounds import Count, Rgb, Seed, validated
from impasto.errors import UserError
from impasto.io.exporters import Exporter
from impasto.io.images import Size, asked_size, read_image
from impasto.io.record import StrokeRecord
from impasto.metrics import as_tensor
from impasto.networks.classifiers import Classifier, load_classifier
from impasto.painting import PICTURE
from impasto.renderers import Renderer
from impasto.rendering import draw, draw_canvas
from impasto.runtime.memory import check_drawing
from impasto.tasks.runs.run_folder import shown
from impasto.tasks.stroke_descent import TRANSFER, DescentTask, Selection, save_transfer
from impasto.visualizing import ClassGoal, Descent, Grid, GridCanvas, Views, find_class

log = logging.getLogger(__name__)


@validated
def visualize(
    renderer: Renderer,
    classifiers: Sequence[str] | str,
    label: str | int | None,
    folder: str | Path,
    strokes: Count,
    background: Rgb = (0.0, 0.0, 0.0),
    size: Size | None = None,
    descent: Descent | None = None,
    views: Views | None = None,
    goal: str = "log_probability",
    candidates: Count = 20,
    held_out: str | None = None,
    export: Mapping[str, Exporter] | None = None,
    device: torch.device | str = "cpu",
    seed: Seed = 0,
) -> dict[str, object]:
    """Paint what one or several classifiers take most for a class.

    Written in the run folder: `painting.png`, `strokes.json` and exports; and, where the renderer
    is a learned one, `transfer.png`: its canvas, beside the strokes drawn exactly.

    A learned renderer is not what draws in the end. So of the last steps' strokes those are taken
    that the classifiers read best when they are drawn exactly; if their kind draws with random
    numbers, when drawn twice with other ones.

    Args:
        renderer: Draws strokes; its canvas size is that of the search.
        classifiers: See `impasto.networks.classifiers.load_classifier`.
        label: A class's name, or its number in the first classifier.
        folder: The run folder.
        strokes: How many strokes.
        background: RGB in [0, 1].
        size: Pixels on a side of the painting.
        descent: How strokes are moved.
        views: From where the classifiers look at a step.
        goal: `log_probability` or `logit`.
        candidates: Of how many last steps, with a learned renderer.
        held_out: A classifier that takes no part, and judges what was painted.
        export: What else to write, by name.
        device: Where to paint.
        seed: Fixes the painting.

    Returns:
        `strokes`, `class`, `index` (in the first classifier), `probability` (the mean of what the
        classifiers give the painting, drawn exactly at canvas size, as a whole and not from other
        views), `probability_<classifier>` of each, and `probability_renderer` (the mean on the
        renderer's own canvas). With a learned renderer also `l2_transfer`, of its canvas and the
        painting; of a kind that draws with random numbers `probability_redrawn`, the mean of what
        they give the same strokes drawn with other ones. With `held_out` its
        `held_out_probability` for the painting at canvas size, and `held_out_probability_painting`
        for `painting.png`, at its size.

    Raises:
        UserError: A classifier can't be had, or lacks the class; the renderer has no gradient; a
            number is out of its bounds.
    """
    descent, views = descent or Descent(), views or Views()
    exports = list((export or {}).values())
    stroke = renderer.stroke
    for one in exports:
        one.check(stroke, strokes)
    if isinstance(stroke.palette, int):
        what = f"stroke.palette={stroke.palette} finds colours in a picture, and there is none"
        raise UserError(what, "give the colours, such as stroke.palette=[[0,0,0],[1,1,1]]")
    _, side = asked_size(renderer.canvas_size, renderer.canvas_size, size)
    check_drawing(side, side)
    for one in exports:
        one.check_size(side, side)
    red, green, blue = background
    canvas = GridCanvas(renderer, Grid(renderer.canvas_size), strokes, background, device)
    loaded = _load(classifiers, device)
    aim = ClassGoal.of(loaded, str(label), goal, views, background)
    judge = _judge(held_out, aim, device)

    def record(canvas_strokes: Tensor) -> StrokeRecord:
        return StrokeRecord(stroke, canvas_strokes.cpu(), side, side, (red, green, blue))

    selection = Selection(lambda canvas_strokes: _worth(aim, canvas, canvas_strokes), candidates)
    task = DescentTask(
        canvas, descent, record, Path(folder), exports, selection if renderer.learned else None
    )
    generator = torch.Generator().manual_seed(seed)
    start = descent.start(stroke, strokes, generator).to(device)
    canvas_strokes = task.paint(start, aim.loss(generator), aim.name)
    metrics = _read(aim, canvas, canvas_strokes, Path(folder))
    if judge is not None:
        metrics |= _judged(judge, _drawings(canvas, canvas_strokes)[0], Path(folder))
    return {"strokes": strokes, **metrics}


def _load(names: Sequence[str] | str, device: torch.device | str) -> list[Classifier]:
    names = [names] if isinstance(names, str) else list(names)
    if not names:
        raise UserError("classifiers is empty", "give some, such as classifiers=[digits]")
    return [load_classifier(str(name)).to(device) for name in names]


def _judge(held_out: str | None, aim: ClassGoal, device: torch.device | str) -> ClassGoal | None:
    """Return the goal by a classifier that takes no part."""
    if held_out is None:
        return None
    judge = load_classifier(held_out, "held_out").to(device)
    return replace(aim, classifiers=[judge], indices=[find_class(judge, aim.name)])


def _judged(judge: ClassGoal, drawn: Tensor, folder: Path) -> dict[str, float]:
    """Measure a judge's probabilities for the drawing (3, n, n), and for `painting.png`."""
    painting = as_tensor(read_image(folder / PICTURE)).to(drawn)
    (small,), (large,) = judge.probabilities(drawn), judge.probabilities(painting)
    name = judge.classifiers[0].name
    log.info("%s, held out, gives it %.4f, and painting.png %.4f", name, small, large)
    return {"held_out_probability": small, "held_out_probability_painting": large}


def _worth(aim: ClassGoal, canvas: GridCanvas, strokes: Tensor) -> float:
    """Lowest of the classifiers' mean probabilities for strokes (N, D), over their drawings."""
    return min(_mean(aim.probabilities(picture)) for picture in _drawings(canvas, strokes))


def _drawings(canvas: GridCanvas, strokes: Tensor) -> list[Tensor]:
    """The exact drawing (3, n, n) of strokes; where it has random numbers, also with others."""
    size, stroke = canvas.grid.side, canvas.renderer.stroke
    exact = draw_canvas(stroke, strokes, size, size, canvas.background)
    if not stroke.random:
        return [exact]
    return [exact, draw(stroke.reseeded(), strokes[None], size, size, canvas.background)[0]]


@torch.no_grad()
def _read(aim: ClassGoal, canvas: GridCanvas, strokes: Tensor, folder: Path) -> dict[str, object]:
    """Measure the classifiers' probabilities for the painting."""
    drawn, *redrawn = _drawings(canvas, strokes)
    each = aim.probabilities(drawn)
    names = _distinct([one.name for one in aim.classifiers])
    for name, probability in zip(names, each, strict=True):
        log.info("%s gives %s a probability of %.4f", name, aim.name, probability)
    renderer_canvas = canvas.draw(strokes)
    metrics: dict[str, object] = {
        "class": aim.name,
        "index": aim.indices[0],
        "probability": _mean(each),
        **{f"probability_{name}": p for name, p in zip(names, each, strict=True)},
        "probability_renderer": (on_renderer := _mean(aim.probabilities(renderer_canvas))),
    }
    for picture in redrawn:
        metrics["probability_redrawn"] = _mean(aim.probabilities(picture))
    if canvas.renderer.learned:
        metrics["l2_transfer"] = l2 = save_transfer(folder, renderer_canvas, drawn)
        log.info(
            "transfer: %s has a probability of %.4f on the learned renderer's canvas, %.4f as the "
            "strokes are really drawn (L2 between them %.4f): %s",
            aim.name,
            on_renderer,
            _mean(each),
            l2,
            shown(folder / TRANSFER),
        )
    return metrics


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _distinct(names: Sequence[str]) -> list[str]:
    """Names with a number where one is there twice."""
    return [
        name if name not in names[:number] else f"{name}_{names[:number].count(name) + 1}"
        for number, name in enumerate(names)
    ]
