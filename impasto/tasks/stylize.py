"""The task `stylize`: a picture painted by its content alone, so that strokes give the style."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from impasto.bounds import Count, Rgb, Seed, validated
from impasto.canvas import to_array
from impasto.errors import UserError
from impasto.io.exporters import Exporter
from impasto.io.images import Size, asked_size, find_images, read_image, resize_image
from impasto.io.palette import find_palette
from impasto.io.record import StrokeRecord
from impasto.metrics import Nearness, target_of
from impasto.networks.features import ClassifierFeatures
from impasto.painting import PICTURE
from impasto.renderers import Renderer
from impasto.rendering import draw_canvas
from impasto.runtime.memory import check_drawing
from impasto.strokes import Stroke
from impasto.strokes.limits import with_palette
from impasto.tasks.paint import folder_names
from impasto.tasks.runs.run_folder import shown
from impasto.tasks.stroke_descent import TRANSFER, DescentTask, save_transfer
from impasto.visualizing import ContentGoal, Descent, Grid, GridCanvas, Views
from impasto.visualizing.grid_canvas import Overlap

log = logging.getLogger(__name__)


@validated
def stylize(
    renderer: Renderer,
    image: str | Path | Sequence[str | Path] | None,
    features: ClassifierFeatures,
    folder: str | Path,
    strokes: Count,
    canvases: Count = 3,
    overlap: Overlap = 0.25,
    background: Rgb = (0.0, 0.0, 0.0),
    size: Size | None = None,
    descent: Descent | None = None,
    views: Views | None = None,
    export: Mapping[str, Exporter] | None = None,
    device: torch.device | str = "cpu",
    seed: Seed = 0,
) -> dict[str, object]:
    """Paint a picture so that a network sees the same in it (intrinsic style transfer).

    Written in a folder of the picture's name: `painting.png`, `strokes.json` and exports; and,
    where the renderer is a learned one, `transfer.png`: its picture, beside the strokes drawn
    exactly.

    Args:
        renderer: Draws strokes; several of its canvases cover the picture.
        image: The picture's file.
        features: What is compared.
        folder: The run folder.
        strokes: How many, shared out among the canvases.
        canvases: How many lie along the picture's shorter side.
        overlap: Least share of its side that a canvas shares with its neighbour.
        background: RGB in [0, 1] of the blank picture.
        size: Longer side of the painting in pixels; the picture's own by default.
        descent: How strokes are moved.
        views: From where painting and picture are compared.
        export: What else to write, by name.
        device: Where to paint.
        seed: Fixes the painting.

    Returns:
        `strokes`, `canvases` (of the whole grid), `content_loss` of the painting drawn exactly at
        the grid's size, `content_loss_renderer` of the renderer's own picture, `content_loss_start`
        of the random strokes at the start; and `l2`, `psnr` (dB) and `ssim` of `painting.png`.
        With a learned renderer also `l2_transfer`, of its picture and the painting.

    Raises:
        UserError: There is no such picture, or several; the renderer has no gradient;
            a number is out of its bounds.
    """
    descent, views = descent or Descent(), views or Views(1, 0, 0, 0)
    exports = list((export or {}).values())
    for one in exports:
        one.check(renderer.stroke, strokes)
    path = _only(image)
    picture = read_image(path)
    height, width = picture.shape[:2]
    grid = Grid.over(height, width, renderer.canvas_size, canvases, overlap)
    rows, columns = asked_size(height, width, size)
    check_drawing(rows, columns)
    for one in exports:
        one.check_size(rows, columns)
    target = target_of(picture, (grid.height, grid.width))
    renderer.stroke = stroke = _with_colors(renderer.stroke, target)
    canvas = GridCanvas(renderer, grid, strokes, background, device)
    goal = ContentGoal(features.to(device), target.to(device), views)
    red, green, blue = background

    def record(canvas_strokes: Tensor) -> StrokeRecord:
        placed = grid.of_picture(stroke, canvas_strokes.cpu())
        return StrokeRecord(stroke, placed, columns, rows, (red, green, blue))

    task = DescentTask(canvas, descent, record, Path(folder) / folder_names([path])[0], exports)
    generator = torch.Generator().manual_seed(seed)
    start = descent.start(stroke, strokes, generator).to(device)
    first = goal.distance(canvas.draw(descent.finished(stroke, start)))
    canvas_strokes = task.paint(start, goal.loss(generator), path.stem)
    metrics = _measured(goal, canvas, canvas_strokes, record(canvas_strokes).strokes, task.folder)
    # As it is written: drawing it again would take longer.
    near = Nearness(read_image(task.folder / PICTURE), resize_image(picture, rows, columns))
    metrics |= {"content_loss_start": first, **near.measures()}
    return {"strokes": strokes, "canvases": len(grid), **metrics}


def _with_colors(stroke: Stroke, target: Tensor) -> Stroke:
    """The stroke kind; with the colours of the picture (3, H, W), where it is to find some."""
    if not isinstance(stroke.palette, int):
        return stroke
    return with_palette(stroke, find_palette(to_array(target), stroke.palette))


def _measured(
    goal: ContentGoal, canvas: GridCanvas, canvas_strokes: Tensor, strokes: Tensor, folder: Path
) -> dict[str, float]:
    """Measure how near a painting comes in content; see `stylize`.

    Args:
        goal: What it was painted for.
        canvas: What it was painted on.
        canvas_strokes: Its strokes (N, D), of the canvases.
        strokes: The same, of the picture.
        folder: Where `transfer.png` goes.
    """
    grid, stroke = canvas.grid, canvas.renderer.stroke
    exact = draw_canvas(stroke, strokes, grid.height, grid.width, canvas.background)
    with torch.no_grad():
        renderer_canvas = canvas.draw(canvas_strokes)
    metrics = {
        "content_loss": goal.distance(exact.to(goal.target)),
        "content_loss_renderer": goal.distance(renderer_canvas),
    }
    if canvas.renderer.learned:
        metrics["l2_transfer"] = l2 = save_transfer(folder, renderer_canvas, exact)
        log.info(
            "transfer: a content loss of %.4f on the learned renderer's canvases, %.4f as the "
            "strokes are really drawn (L2 between them %.4f): %s",
            metrics["content_loss_renderer"],
            metrics["content_loss"],
            l2,
            shown(folder / TRANSFER),
        )
    return metrics


def _only(image: str | Path | Sequence[str | Path] | None) -> Path:
    """The one picture that is meant."""
    if image is None:
        raise UserError("image is not set", "give image=FILE")
    sources = [image] if isinstance(image, (str, Path)) else list(image)
    files = find_images(sources)
    if len(files) != 1:
        raise UserError(f"image names {len(files)} pictures", "give one; -m image=A,B runs several")
    return files[0]
