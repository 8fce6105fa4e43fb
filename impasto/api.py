"""Painting of pictures: the calls that tasks and other programs use."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from impasto.bounds import Count, validated
from impasto.errors import UserError
from impasto.io.images import resize_image
from impasto.io.in_memory import as_picture
from impasto.io.record import StrokeRecord
from impasto.metrics import target_of
from impasto.painters import Painter, Progress, Sketch
from impasto.painters.base import canvas_in_memory
from impasto.painters.budget import AUTO, Budget
from impasto.painters.detail import check_detail, detail_mask
from impasto.painters.named import named_painter
from impasto.painters.transparency import (
    Color,
    composite_on,
    on_opaque,
    opaque,
    shown_on,
    unlike,
)
from impasto.painters.weight_map import weights as weights_of
from impasto.painting import Painting, Unfinished
from impasto.runtime.devices import find_device
from impasto.runtime.warm_up import compiling
from impasto.strokes import Stroke

_BLACK = (0.0, 0.0, 0.0)
_AHEAD = 2  # pictures for each worker that are under way, or painted and not yet asked for
_ANY = 1  # strokes of a painter before their number is chosen


def paint(
    image: Any,
    strokes: int | str | None = None,
    stroke: Stroke | str | None = None,
    painter: Painter | str = "optimize",
    background: Sequence[float] | None = None,
    seed: int | None = None,
    progress: Progress | bool | None = None,
    device: torch.device | str = "cpu",
    start: Tensor | None = None,
    mask: Any = None,
    quality: str | None = None,
    seconds: float | None = None,
    weights: str | Path | None = None,
    style: str | None = None,
    detail: str = "none",
) -> Painting:
    """Paint one picture.

    >>> import numpy as np
    >>> from impasto import paint
    >>> red = np.full((40, 60, 3), (200, 30, 30), dtype=np.uint8)
    >>> paint(red, strokes=3, stroke="circle", quality="sketch")
    <Painting: 3 circle strokes, 60 x 40 px>

    Args:
        image: A picture: the path of its file, the file's bytes, or a file object open for reading
            bytes; a PIL image; a NumPy array (H, W) or (H, W, 1, 3 or 4), or a torch tensor
            (3, H, W) or (H, W, 3), of uint8, uint16, bool or float in [0, 1]. What is transparent
            is not painted: strokes that lie there are left out, and the painting's background is
            transparent.
        strokes: How many strokes, 500 or the painter's own by default; `auto` chooses by the
            picture's content.
        stroke: The stroke kind, or its name, such as `circle` or `oil`; Bézier curves by default.
        painter: Finds the strokes: `optimize` by gradient descent, which needs no training, `agent`
            and `agent+optimize` by an agent's; or a painter, which has its own kind of stroke,
            background and seed.
        background: RGB in [0, 1] of the blank canvas, black by default.
        seed: Fixes the painting, 0 by default.
        progress: True shows a bar; a function is called as the painting grows.
        device: Where to paint; `auto` is a GPU if there is one.
        start: Strokes (n, D) of a similar picture to go on from, n at most `strokes`; for a painter
            that `refines`, and a picture without alpha.
        mask: A picture in any of these forms, of the same shape and any size: white where detail
            goes.
        quality: `sketch`, `good` or `best`: 100, 400 or 1,500 gradient steps in place of the
            painter's own.
        seconds: About how long to paint, instead: the steps that there is time for are measured.
        weights: The agent of an agent's painter: an exported folder, a run folder, or a name such
            as `photos`.
        style: `photo`, `oil`, `watercolor`, `ink` or `poster`, for `painter="optimize"`.
        detail: Where detail goes without a mask: to `faces`, by `saliency`, `auto` (faces, and
            where there are none, saliency), or `none`: to where the error is.

    Raises:
        UserError: The image is no picture or ambiguous, or an argument makes no sense or doesn't go
            with the others.
        ValueError: A `start` is given for a picture with alpha.
        Unfinished: It was interrupted, after the first step.
    """
    picture = as_picture(image)
    device = find_device(device)
    found = _painter(painter, strokes, stroke, background, seed, weights, style)
    budget = Budget(strokes, quality, seconds)
    if budget.is_given:
        found = budget.plan(found, picture, device)
    check_detail(detail, mask)
    shown = detail_mask(picture, detail)
    if mask is not None:
        shown = shown_on(as_picture(mask), _BLACK)
    with _bar(found.steps) if progress is True else nullcontext(progress or None) as told:
        return paint_picture(picture, found, told, device, start, shown)


@validated
def paint_many(
    images: Iterable[Any],
    workers: Count | None = None,
    progress: bool = False,
    device: torch.device | str = "cpu",
    **settings: Any,
) -> Iterator[Painting]:
    """Paint pictures, each as `paint` does, and yield the paintings in the pictures' order.

    On a CPU as many are painted at a time as there are cores, in processes of their own, each on
    one core; what is yielded does not depend on that. On another device one follows the other.
    Pictures are taken from `images` as they are needed.

    Args:
        images: Pictures in any of the forms that `paint` takes.
        workers: How many processes; 1 is none but this. As many as there are cores by default.
        progress: True shows a bar.
        device: See `paint`.
        settings: Other arguments of `paint`.

    Yields:
        The paintings.

    Raises:
        UserError: See `paint`; the paintings of the pictures before have been yielded.
    """
    if isinstance(images, str | bytes | os.PathLike):
        raise UserError("`images` is one picture", "give a list of them, or call paint")
    total = len(images) if isinstance(images, Sized) else None
    device = find_device(device)
    one = partial(paint, **settings, device=device)
    if device.type != "cpu" or workers == 1 or total == 1:
        paintings: Iterator[Painting] = map(one, images)
    else:
        paintings = _in_processes(one, images, workers)
    yield from tqdm(paintings, total=total, unit="picture", disable=not progress)


def _in_processes(
    work: Callable[[Any], Painting], images: Iterable[Any], workers: int | None
) -> Iterator[Painting]:
    """Yield the results in order; at most twice as many as there are workers are under way."""
    from joblib.externals.loky import cpu_count, get_reusable_executor  # no other call needs them

    workers = workers or cpu_count()
    single = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    pool = get_reusable_executor(workers, env=single)
    waiting: deque[Future[Painting]] = deque()
    try:
        for image in images:
            waiting.append(pool.submit(work, _sendable(image)))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _sendable(image: Any) -> Any:
    """Return a picture that another process can be sent: a file object can't."""
    by_itself = isinstance(image, str | os.PathLike | bytes | np.ndarray)
    return image if by_itself else Image.fromarray(as_picture(image))


def paint_picture(
    image: NDArray[np.uint8],
    painter: Painter,
    progress: Progress | None = None,
    device: torch.device | str = "cpu",
    start: Tensor | None = None,
    mask: NDArray[np.uint8] | None = None,
) -> Painting:
    """Paint one picture by a painter: what `paint` comes to.

    Args:
        image: (H, W, 3) uint8, RGB, or (H, W, 4) with alpha; (3, H, 3) is three rows here.
        painter: Finds the strokes.
        progress: Called as the painting grows.
        device: Where to paint.
        start: See `paint`.
        mask: (h, w, 3) uint8: see `paint`.

    Raises:
        UserError: There is not the memory, or the mask is of another shape.
        ValueError: A `start` is given for a picture with alpha.
        Unfinished: It was interrupted, after the first step.
    """
    # A copy, as it is measured later: whoever reads frames into one array gives the next there.
    image = image.copy()
    red, green, blue = painter.background
    height, width = image.shape[:2]
    weight = None
    if mask is not None:
        weight = weights_of(mask, (height, width), painter.canvas(height, width)).to(device)
    if image.shape[2] == 4:
        if start is not None:
            raise ValueError("a picture with alpha is painted anew: it takes no start")
        return _paint_opaque(image, painter, (red, green, blue), progress, device, weight)
    target = _target(image, painter)

    def finished(strokes: Tensor) -> Painting:
        record = StrokeRecord(painter.stroke, strokes, width, height, (red, green, blue))
        return Painting(record, image, (red, green, blue))

    find = partial(painter.paint, target.to(device), start=start, weight=weight)
    return _paint(find, progress, finished)


def _painter(
    painter: Painter | str,
    strokes: int | str | None,
    stroke: Stroke | str | None,
    background: Sequence[float] | None,
    seed: int | None,
    weights: str | Path | None,
    style: str | None,
) -> Painter:
    """Return the painter of these arguments of `paint`."""
    count = _ANY if strokes == AUTO else strokes
    if isinstance(count, str):
        raise UserError(f"`strokes={count}`", f"give a whole number, or {AUTO}")
    if isinstance(painter, str):
        return named_painter(painter, count, stroke, background, seed, weights, style)
    if not isinstance(painter, Painter):
        what = f"a painter can't be of type {type(painter).__name__}"
        raise UserError(what, "give a painter, or its name, such as optimize")
    own = {
        "stroke": stroke,
        "background": background,
        "seed": seed,
        "weights": weights,
        "style": style,
    }
    if given := [f"`{name}`" for name, value in own.items() if value is not None]:
        what = f"{' and '.join(given)} beside a painter that has its own"
        raise UserError(what, f"leave it out, or give it to {type(painter).__name__}")
    return painter if count is None else painter.with_strokes(count)


@contextmanager
def _bar(steps: int) -> Iterator[Progress]:
    """Show a bar, and yield what moves it."""
    with tqdm(total=steps, unit="step") as bar, compiling(bar):

        def told(sketch: Sketch) -> None:
            bar.set_postfix(canvas=f"{sketch.psnr:.1f} dB", refresh=False)
            bar.update(sketch.step - bar.n)

        yield told


def _paint(
    find: Callable[[Progress], Tensor],
    progress: Progress | None,
    finished: Callable[[Tensor], Painting],
) -> Painting:
    """Find strokes and make a painting of them; when interrupted, of those so far."""
    last: list[Sketch] = []

    def remember(sketch: Sketch) -> None:
        last[:] = [sketch]
        if progress is not None:
            progress(sketch)

    try:
        strokes = find(remember)
    except KeyboardInterrupt as error:
        if not last:
            raise
        raise Unfinished(finished(last[0].strokes.cpu()), error) from error
    return finished(strokes.detach().cpu())


def _paint_opaque(
    image: NDArray[np.uint8],
    painter: Painter,
    background: Color,
    progress: Progress | None,
    device: torch.device | str,
    weight: Tensor | None,
) -> Painting:
    """Paint a picture (H, W, 4) where it is opaque."""
    painter = painter.on(unlike(image))
    red, green, blue = painter.background
    ground = _target(composite_on(image, (red, green, blue)), painter)
    mask = (opaque(image) * np.uint8(255))[..., None]
    small = torch.from_numpy(resize_image(mask, *ground.shape[1:])[..., 0]) >= 128
    height, width = image.shape[:2]

    def finished(strokes: Tensor) -> Painting:
        on_picture = on_opaque(painter.stroke, strokes, small)
        record = StrokeRecord(painter.stroke, on_picture, width, height, None)
        return Painting(record, image, background)

    find = partial(painter.paint, ground.to(device), weight=weight)
    return _paint(find, progress, finished)


def _target(image: NDArray[np.uint8], painter: Painter) -> Tensor:
    """Resize a picture (H, W, 3) to the painter's canvas: (3, rows, columns)."""
    return target_of(image, canvas_in_memory(painter, *image.shape[:2]))
