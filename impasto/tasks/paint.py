"""The task `paint`: pictures given as files or folders, painted."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from impasto.api import paint_picture
from impasto.bounds import validated
from impasto.errors import UserError
from impasto.io.exporters import Exporter
from impasto.io.figures import framed, save_sheet
from impasto.io.images import (
    STANDARD_INPUT,
    Size,
    asked_size,
    find_images,
    read_image,
    read_picture,
    read_standard_input,
)
from impasto.io.video import VIDEO_SUFFIXES, Clip, is_video, open_video
from impasto.painters import Painter, Progress, Sketch
from impasto.painters.budget import AUTO, Budget
from impasto.painters.detail import check_detail, detail_mask
from impasto.painters.weight_map import check_mask
from impasto.painting import PICTURE, Painting, Unfinished
from impasto.runtime.memory import check_drawing
from impasto.runtime.warm_up import compiling
from impasto.tasks.paint_video import FILM, VideoSettings, check_film, paint_video
from impasto.tasks.runs.run_folder import shown

log = logging.getLogger(__name__)

Source = str | Path | Sequence[str | Path]

_SHEET = "paintings.png"
_SHEET_COLUMNS = 8
_SHEET_PICTURES = 64
_RESERVED = frozenset({"run.log", "summary.json", _SHEET})  # names that a run folder needs itself
_SHOWN_SIZE = 128  # pixels of a picture on the sheet


@validated
def paint(
    painter: Painter,
    images: Source | None,
    folder: str | Path,
    size: Size | None = None,
    export: Mapping[str, Exporter] | None = None,
    device: torch.device | str = "cpu",
    video: VideoSettings | None = None,
    mask: str | Path | None = None,
    budget: Budget | None = None,
    detail: str = "none",
) -> dict[str, object]:
    """Paint pictures and videos.

    The strokes of each are found at the painter's size, in the picture's own aspect ratio, and
    drawn exactly at the size asked for, at which the painting is measured: the picture is
    resampled to it, be it smaller or larger. Written per picture, in a folder of its
    name: `painting.png`, `strokes.json`, exports; for several pictures also a sheet of all. Of a
    video: `painting.mp4` and a record of each frame. Ctrl-C leaves what is painted so far.

    Args:
        painter: Finds the strokes.
        images: A file, a folder, a glob, or a list of them; `-` is a picture on standard input.
        folder: The run folder.
        size: Longer side of the paintings in pixels; each picture's own by default.
        export: What else to write, by name.
        device: Where to paint.
        video: How to paint videos.
        mask: A picture's file, white where detail goes; for pictures of its shape.
        budget: What each picture, or the first frame of a video, is given of strokes and gradient
            steps; the painter's own by default.
        detail: Where detail goes without a mask: see `impasto.paint`; for pictures.

    Returns:
        `images` (of a video its frames); `strokes`, and gradient `steps` of a painter that takes
        some, each a list where pictures differ; and the means of `l2`, `psnr` (dB) and `ssim`, of
        `painting.png` (of a video its frames before they are encoded) against the picture.

    Raises:
        UserError: No picture can be read, a picture asked for by name cannot, the size makes no
            sense, an export lacks what it needs, a video is to be painted with a mask, or the
            painter can't keep to the budget.
    """
    budget = budget or Budget()
    budget.check(painter)
    exports = list((export or {}).values())
    for one in exports:
        one.check(painter.stroke, painter.strokes)
        one.bar = True
    check_detail(detail, mask)
    white = None if mask is None else read_image(mask)
    films = video or VideoSettings()
    order = _Order(painter, budget, size, exports, films, device, white, detail)
    asked_size(1, 1, size)  # an error now, not after the first painting
    files = _find(images, order)
    names = folder_names(list(files))
    done: list[dict[str, float]] = []
    sheet: list[Sequence[Tensor]] = []
    unread: list[UserError] = []
    planned: list[Painter] = []
    # It is shown with the first steps, after what is said beforehand.
    bar = tqdm(total=len(files) * painter.steps, unit="step", dynamic_ncols=True, delay=1e-9)
    with bar, compiling(bar):
        for path, name in zip(files, names, strict=True):
            bar.set_description(name, refresh=False)
            steps, begun = painter.steps, bar.n
            try:
                given = files[path]
                source = _opened(path, order) if given is None else given
            except UserError as error:
                unread.append(error)
                log.warning("skipped: %s", error.what)
            else:
                planned.append(_planned(source, order))
                steps = planned[-1].steps
                bar.total += steps - painter.steps
                own = replace(order, painter=planned[-1])
                measures, painted = _paint_source(source, Path(folder) / name, own, bar)
                done += measures
                if len(files) > 1 and len(sheet) < _SHEET_PICTURES:
                    target = framed(painted.target, _SHOWN_SIZE)
                    sheet.append([target, framed(painted.canvas, _SHOWN_SIZE)])
            bar.update(begun + steps - bar.n)  # also past a skipped picture
    if not done:
        what = f"none of the {len(files)} pictures of {images} can be painted"
        raise UserError(f"{what}; the first: {unread[0].what}", unread[0].todo)
    _write_sheet(Path(folder), sheet)
    only = Path(names[0], FILM if is_video(next(iter(files))) else PICTURE)
    log.info("%s", shown(Path(folder) / (only if len(names) == 1 else "")))
    means = {key: float(np.mean([one[key] for one in done])) for key in done[0]}
    return {"images": len(done), **_settled(planned), **means}


def _settled(planned: Sequence[Painter]) -> dict[str, object]:
    """Strokes and gradient steps of the pictures, by which they can be painted again."""
    settled: dict[str, object] = {}
    for key, name in (("strokes", "strokes"), ("steps", "gradient_steps")):
        values = [getattr(painter, name) for painter in planned]
        if values[0] is not None:
            settled[key] = values[0] if len(set(values)) == 1 else values
    return settled


@dataclass(frozen=True)
class _Order:
    """Arguments of `paint` besides the pictures."""

    painter: Painter
    budget: Budget
    size: int | None
    exports: Sequence[Exporter]
    video: VideoSettings
    device: torch.device | str
    mask: NDArray[np.uint8] | None
    detail: str


def _planned(source: NDArray[np.uint8] | Clip, order: _Order) -> Painter:
    """The painter of a picture, or of a video's first frame, which it says in the log."""
    if isinstance(source, Clip):
        with closing(source.read(frames=1)) as frames:
            source = next(frames, np.zeros((source.height, source.width, 3), np.uint8))
    with tqdm.external_write_mode():
        painter = order.budget.plan(order.painter, source, order.device)
    if order.budget.strokes == AUTO:
        for one in order.exports:
            one.check(painter.stroke, painter.strokes)
    return painter


def _paint_source(
    source: NDArray[np.uint8] | Clip, folder: Path, order: _Order, bar: "tqdm[NoReturn]"
) -> tuple[list[dict[str, float]], Painting]:
    """Paint a picture or a video; the measures, of a video each frame's, and the (first) painting.

    When interrupted, what is painted so far is written.
    """
    painter, size, device = order.painter, order.size, order.device
    if isinstance(source, Clip):
        return paint_video(painter, source, folder, size, order.video, device)
    try:
        mask = detail_mask(source, order.detail) if order.mask is None else order.mask
        painted = paint_picture(source, painter, _reports(bar), device, mask=mask)
    except Unfinished as stop:
        stop.painting.at(size).save(folder)
        log.warning("painted so far: %s", shown(folder / PICTURE))
        raise stop.cause from None
    delivered = painted.at(size)
    delivered.save(
        folder, order.exports, lambda file: bar.set_description(f"{folder.name}: writing {file}")
    )
    bar.set_description(folder.name, refresh=False)
    bar.set_postfix(psnr=f"{delivered.psnr:.1f} dB")
    return [delivered.measures()], delivered


def _find(images: Source | None, order: _Order) -> dict[Path, NDArray[np.uint8] | None]:
    """The pictures and videos, each once; of standard input, which is read once, the picture.

    Raises:
        UserError: There are none, or one that was asked for by name cannot be painted.
    """
    if images is None:
        raise UserError("image is not set", "give image=FILE, a folder, a glob or a list of them")
    pictures: dict[Path, NDArray[np.uint8] | None] = {}
    for source in [images] if isinstance(images, (str, Path)) else images:
        if str(source) == STANDARD_INPUT:
            picture = read_standard_input()
            _check(picture, order)
            pictures[Path(source)] = picture
            continue
        files = find_images(source, also=VIDEO_SUFFIXES)
        if files in ([Path(source)], [Path(source).expanduser()]):
            _opened(files[0], order)  # an error now, not after the others are painted
        pictures.update(dict.fromkeys(files))
    if not pictures:
        find_images([])
    return pictures


def _opened(path: Path, order: _Order) -> NDArray[np.uint8] | Clip:
    """A picture, or a video to be read.

    Raises:
        UserError: It cannot be read, or not be painted as was asked for.
    """
    if not is_video(path):
        picture = read_picture(path)
        _check(picture, order)
        return picture
    if order.mask is not None or order.detail != "none":
        what = "mask is" if order.mask is not None else "`detail` is"
        raise UserError(f"{what} for pictures, and {path} is a video", "leave one of them out")
    order.painter.following(1)  # which not every painter can
    clip = open_video(path)
    check_film(clip, order.size)
    return clip


def _check(picture: NDArray[np.uint8], order: _Order) -> None:
    """Check that a picture's painting can be drawn and exported, and that the mask fits it."""
    height, width = asked_size(picture.shape[0], picture.shape[1], order.size)
    check_drawing(height, width)
    for one in order.exports:
        one.check_size(height, width)
    if order.mask is not None:
        check_mask(order.mask, (picture.shape[0], picture.shape[1]))


def folder_names(pictures: Sequence[Path]) -> list[str]:
    """A folder name for each picture: its stem, with a number where that is taken."""
    taken = set(_RESERVED)
    names = []
    for picture in pictures:
        stem = picture.stem.lstrip(".")
        if not stem.strip("-"):  # as standard input's name is
            stem = "picture"
        candidates = (f"{stem}-{n}" if n > 1 else stem for n in count(1))
        # Lower case: some file systems do not tell A from a.
        name = next(name for name in candidates if name.lower() not in taken)
        taken.add(name.lower())
        names.append(name)
    return names


def _reports(bar: "tqdm[NoReturn]") -> Progress:
    """Return a callback that shows a painter's progress at one picture."""
    start = bar.n

    def progress(sketch: Sketch) -> None:
        # On the painter's canvas: how near the picture comes is known when it is drawn.
        bar.set_postfix(canvas=f"{sketch.psnr:.1f} dB", refresh=False)
        bar.update(start + sketch.step - bar.n)

    return progress


def _write_sheet(folder: Path, pairs: Sequence[Sequence[Tensor]]) -> None:
    """Write the targets above the paintings, if there are several pictures."""
    if len(pairs) > 1:
        rows = (torch.stack(row) for row in zip(*pairs, strict=True))
        save_sheet(folder / _SHEET, *rows, columns=_SHEET_COLUMNS)
