"""Painting of one picture: the call that tasks and other programs use."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.io.exporters import Exporter, Png
from impasto.io.images import asked_size, read_image, read_picture, resize_image, write_png
from impasto.io.record import StrokeRecord, write_record
from impasto.metrics import Nearness, as_tensor, target_of
from impasto.painters import OptimizePainter, Painter, Progress, Sketch
from impasto.painters.budget import Budget
from impasto.painters.transparency import (
    Color,
    composite_on,
    on_opaque,
    opaque,
    shown_on,
    unlike,
)
from impasto.painters.weight_map import weights
from impasto.runtime.memory import check_finding
from impasto.strokes import Bezier, Stroke

RECORD = "strokes.json"
PICTURE = "painting.png"

_ANY = 1  # strokes of a painter before their number is chosen


@dataclass(frozen=True)
class Painting:
    """A painting, and how near it comes to its picture.

    What is measured is what is written: the bytes of `painting.png`, against the picture at that
    size. A picture that is smaller or larger is resampled to it: beside a painting several times
    larger than its photograph there is a photograph without detail. What is transparent is
    compared as it is shown on the blank canvas.

    Attributes:
        record: Its strokes, and the size at which it is drawn: the picture's own, but after `at`.
        image: The picture, (h, w, 3) uint8, RGB, or (h, w, 4) with alpha, of its own size.
        background: RGB in [0, 1] of the blank canvas.
    """

    record: StrokeRecord
    image: NDArray[np.uint8]
    background: Color

    @cached_property
    def drawn(self) -> NDArray[np.uint8]:
        """Bytes of `painting.png`: see `picture`."""
        return self.record.draw()

    @cached_property
    def nearness(self) -> Nearness:
        """Similarity of `painting.png` to the picture at its size."""
        image = shown_on(self.image, self.background)
        size = self.record.height, self.record.width
        target = image if image.shape[:2] == size else resize_image(image, *size)
        return Nearness(shown_on(self.drawn, self.background), target)

    @property
    def psnr(self) -> float:
        """Peak signal to noise ratio of `painting.png`, dB."""
        return self.nearness.psnr

    @property
    def canvas(self) -> Tensor:
        """`painting.png` as it is measured, (3, H, W) in [0, 1]."""
        return as_tensor(self.nearness.canvas)

    @property
    def target(self) -> Tensor:
        """The picture that it is measured against, (3, H, W) in [0, 1]."""
        return as_tensor(self.nearness.target)

    def measures(self) -> dict[str, float]:
        """`l2`, `psnr` and `ssim` of `painting.png`: see `Nearness`."""
        return self.nearness.measures()

    def picture(self, size: int | None = None) -> NDArray[np.uint8]:
        """Draw the painting exactly.

        Args:
            size: Pixels on the longer side; the picture's own by default.

        Returns:
            (H, W, 3) uint8, RGB; with alpha, (H, W, 4), on a transparent background.
        """
        return self.at(size).drawn.copy()

    def at(self, size: int | None) -> "Painting":
        """Return the same painting, to be drawn at another size.

        Args:
            size: Pixels on the longer side; the picture's own by default.

        Raises:
            UserError: It makes no sense.
        """
        height, width = asked_size(self.record.height, self.record.width, size)
        if (height, width) == (self.record.height, self.record.width):
            return self  # with what is drawn already
        return replace(self, record=replace(self.record, height=height, width=width))

    def save(self, folder: str | Path, exports: Iterable[Exporter] = ()) -> None:
        """Write `painting.png`, `strokes.json` and further files.

        Args:
            folder: Where; made if need be.
            exports: What else to write.

        Raises:
            UserError: The folder cannot be written, or an export not be made.
        """
        save_record(folder, self.record, exports, self.drawn)


def save_record(
    folder: str | Path,
    record: StrokeRecord,
    exports: Iterable[Exporter] = (),
    drawn: NDArray[np.uint8] | None = None,
) -> None:
    """Write a record as a painting: `painting.png`, `strokes.json` and further files.

    Args:
        folder: Where; made if need be.
        record: The strokes.
        exports: What else to write.
        drawn: What `record.draw` gave, where that was asked already.

    Raises:
        UserError: The folder cannot be written, or an export not be made.
    """
    write_record(Path(folder) / RECORD, record)
    write_png(Path(folder) / PICTURE, record.draw() if drawn is None else drawn)
    for export in exports:
        if not isinstance(export, Png):
            export.write(Path(folder), record)


class Unfinished(KeyboardInterrupt):
    """Interruption of a painting.

    Args:
        painting: What is painted so far.
        cause: What interrupted it.
    """

    def __init__(self, painting: Painting, cause: KeyboardInterrupt) -> None:
        super().__init__()
        self.painting = painting
        self.cause = cause


def paint(
    image: NDArray[np.uint8] | str | Path,
    strokes: int | str = 500,
    stroke: Stroke | None = None,
    painter: Painter | None = None,
    background: Sequence[float] = (0.0, 0.0, 0.0),
    seed: int = 0,
    progress: Progress | None = None,
    device: torch.device | str = "cpu",
    start: Tensor | None = None,
    mask: NDArray[np.uint8] | str | Path | None = None,
    quality: str | None = None,
    seconds: float | None = None,
) -> Painting:
    """Paint one picture.

    >>> import numpy as np
    >>> from impasto import paint
    >>> red = np.full((40, 60, 3), (200, 30, 30), dtype=np.uint8)
    >>> painting = paint(red, painter=OptimizePainter(Bezier(), strokes=1, steps=1, tries=2))
    >>> painting.picture().shape
    (40, 60, 3)

    Args:
        image: (H, W, 3) uint8, RGB, or (H, W, 4) with alpha, or the name of a picture's file. What
            is transparent is not painted: strokes that lie there are left out, and the painting's
            background is transparent.
        strokes: How many strokes; `auto` chooses by the picture's content.
        stroke: The stroke kind; quadratic Bézier curves by default.
        painter: Finds the strokes, and has the arguments beside it, but for `auto`; without one
            they are found by gradient descent, which needs no training.
        background: RGB in [0, 1] of the blank canvas.
        seed: Fixes the painting.
        progress: Called as the painting grows.
        device: Where to paint.
        start: Strokes (n, D) of a similar picture to go on from, n at most `strokes`; for a painter
            that `refines`, and a picture without alpha.
        mask: A picture, or its file, of the same shape and any size: white where detail goes.
        quality: `sketch`, `good` or `best`: 100, 400 or 1,500 gradient steps in place of the
            painter's own, which are 400 without one.
        seconds: About how long to paint, instead: the steps that there is time for are measured.

    Raises:
        UserError: The file is no picture, or an argument makes no sense.
        ValueError: A `start` is given for a picture with alpha.
        Unfinished: It was interrupted, after the first step.
    """
    # A copy, as it is measured later: whoever reads frames into one array gives the next there.
    image = image.copy() if isinstance(image, np.ndarray) else read_picture(image)
    if painter is None:
        count = _ANY if isinstance(strokes, str) else strokes
        painter = OptimizePainter(stroke or Bezier(), count, background=background, seed=seed)
    budget = Budget(strokes, quality, seconds)
    if budget.is_given:
        painter = budget.plan(painter, image, device)
    red, green, blue = painter.background
    height, width = image.shape[:2]
    weight = None
    if mask is not None:
        mask = mask if isinstance(mask, np.ndarray) else read_image(mask)
        weight = weights(mask, (height, width), painter.canvas(height, width)).to(device)
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
    rows, columns = painter.canvas(*image.shape[:2])
    check_finding(rows, columns, painter.stroke.has_form)
    return target_of(image, (rows, columns))
