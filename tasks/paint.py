"""The task `paint`: pictures given as files or folders, painted."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from painting.detail import check_mask
from painting.errors import UserError
from painting.exporters import Exporter
from painting.figures import framed, save_sheet
from painting.images import find_images, read_image, read_picture
from painting.memory import check_drawing
from painting.painters import Painter, Progress, Sketch
from painting.painting import PICTURE, Painting, Unfinished
from painting.painting import paint as paint_one
from painting.sizes import asked_size
from painting.video import is_video, open_video
from tasks.paint_video import FILM, VideoSettings, check_film, paint_video
from tasks.run_folder import shown

log = logging.getLogger(__name__)

Source = str | Path | Sequence[str | Path]

_SHEET = "paintings.png"
_SHEET_COLUMNS = 8
_SHEET_PICTURES = 64
_RESERVED = frozenset({"run.log", "summary.json", _SHEET})  # names that a run folder needs itself
_SHOWN_SIZE = 128  # pixels of a picture on the sheet


def paint(
    painter: Painter,
    images: Source | None,
    folder: str | Path,
    size: int | None = None,
    export: Mapping[str, Exporter] | None = None,
    device: torch.device | str = "cpu",
    video: VideoSettings | None = None,
    mask: str | Path | None = None,
) -> dict[str, float]:
    """Paint pictures and videos.

    The strokes of each are found at the painter's size, in the picture's own aspect ratio, and
    drawn exactly at the size asked for. Written per picture, in a folder of its
    name: `painting.png`, `strokes.json`, exports; for several pictures also a sheet of all. Of a
    video: `painting.mp4` and a record of each frame. Ctrl-C leaves what is painted so far.

    Args:
        painter: Finds the strokes.
        images: A file, a folder, a glob, or a list of them.
        folder: The run folder.
        size: Longer side of the paintings in pixels; each picture's own by default.
        export: What else to write, by name.
        device: Where to paint.
        video: How to paint videos.
        mask: A picture's file, white where detail goes; for pictures of its shape.

    Returns:
        `images` (of a video its frames), `strokes`, and the means of `l2`, `psnr` (dB) and `ssim`,
        measured at canvas size, drawn by the exact rasterizer.

    Raises:
        UserError: No picture can be read, a picture asked for by name cannot, the size makes no
            sense, an export lacks what it needs, or a video is to be painted with a mask.
    """
    exports = list((export or {}).values())
    for one in exports:
        one.check(painter.stroke, painter.strokes)
    detail = None if mask is None else read_image(mask)
    order = _Order(painter, size, exports, video or VideoSettings(), device, detail)
    asked_size(1, 1, size)  # an error now, not after the first painting
    files = _find(images, order)
    names = folder_names(files)
    done: list[dict[str, float]] = []
    sheet: list[Sequence[Tensor]] = []
    with tqdm(total=len(files) * painter.steps, unit="step", dynamic_ncols=True) as bar:
        for number, (path, name) in enumerate(zip(files, names, strict=True)):
            bar.set_description(name)
            if (result := _paint_file(path, Path(folder) / name, order, bar)) is not None:
                measures, painted = result
                done += measures
                if len(sheet) < _SHEET_PICTURES:
                    sheet.append(
                        [framed(one, _SHOWN_SIZE) for one in (painted.target, painted.canvas)]
                    )
            bar.update(painter.steps * (number + 1) - bar.n)  # also past a skipped picture
    if not done:
        raise UserError(
            f"none of the {len(files)} pictures of {images} can be read", "replace them"
        )
    _write_sheet(Path(folder), sheet)
    only = Path(names[0], FILM if is_video(files[0]) else PICTURE) if len(names) == 1 else ""
    log.info("%s", shown(Path(folder) / only))
    means = {key: float(np.mean([one[key] for one in done])) for key in done[0]}
    return {"images": len(done), "strokes": painter.strokes, **means}


@dataclass(frozen=True)
class _Order:
    """What `paint` was asked for, beside the pictures."""

    painter: Painter
    size: int | None
    exports: Sequence[Exporter]
    video: VideoSettings
    device: torch.device | str
    mask: NDArray[np.uint8] | None


def _paint_file(
    path: Path, folder: Path, order: _Order, bar: "tqdm[NoReturn]"
) -> tuple[list[dict[str, float]], Painting] | None:
    """Paint a picture or a video; the measures, of a video each frame's, and the (first) painting.

    None for a picture that cannot be read. When interrupted, what is painted so far is written.
    """
    painter, size, device = order.painter, order.size, order.device
    if is_video(path):
        return paint_video(painter, path, folder, size, order.video, device)
    image = _read_or_skip(path)
    if image is None:
        return None
    _check_size(image, order)
    try:
        painted = paint_one(
            image, painter=painter, progress=_reports(bar), device=device, mask=order.mask
        )
    except Unfinished as stop:
        stop.painting.at(size).save(folder)
        log.warning("painted so far: %s", shown(folder / PICTURE))
        raise stop.cause from None
    painted.at(size).save(folder, order.exports)
    return [painted.measures()], painted


def _find(images: Source | None, order: _Order) -> list[Path]:
    """The pictures and videos, each once; one that was asked for by name must be readable."""
    if images is None:
        raise UserError("image is not set", "give image=FILE, a folder, a glob or a list of them")
    sources = [images] if isinstance(images, (str, Path)) else list(images)
    for source in sources:  # errors now, not after the others are painted
        [first, *more] = find_images(source)
        if not more and first in (Path(source), Path(source).expanduser()):
            if is_video(first):
                check_film(open_video(first), order.size)
                order.painter.following(1)
            else:
                image = read_picture(first)
                _check_size(image, order)
                if order.mask is not None:
                    check_mask(order.mask, (image.shape[0], image.shape[1]))
    files = find_images(sources)
    if order.mask is not None and any(map(is_video, files)):
        raise UserError("mask is for pictures, and there is a video", "leave one of them out")
    return files


def _check_size(image: NDArray[np.uint8], order: _Order) -> None:
    """Check that a picture's painting can be drawn and exported."""
    height, width = asked_size(image.shape[0], image.shape[1], order.size)
    check_drawing(height, width)
    for one in order.exports:
        one.check_size(height, width)


def folder_names(pictures: Sequence[Path]) -> list[str]:
    """A folder name for each picture: its stem, with a number where that is taken."""
    taken = set(_RESERVED)
    names = []
    for picture in pictures:
        stem = picture.stem.lstrip(".") or "picture"
        candidates = (f"{stem}-{n}" if n > 1 else stem for n in count(1))
        # Lower case: some file systems do not tell A from a.
        name = next(name for name in candidates if name.lower() not in taken)
        taken.add(name.lower())
        names.append(name)
    return names


def _read_or_skip(path: Path) -> NDArray[np.uint8] | None:
    try:
        return read_picture(path)
    except UserError as error:
        log.warning("skipped: %s", error.what)
        return None


def _reports(bar: "tqdm[NoReturn]") -> Progress:
    """What a painter tells its progress to, for one picture."""
    start = bar.n

    def progress(sketch: Sketch) -> None:
        bar.set_postfix(psnr=f"{sketch.psnr:.2f} dB", refresh=False)
        bar.update(start + sketch.step - bar.n)

    return progress


def _write_sheet(folder: Path, pairs: Sequence[Sequence[Tensor]]) -> None:
    """Of several pictures, the targets above the paintings."""
    if len(pairs) > 1:
        rows = (torch.stack(row) for row in zip(*pairs, strict=True))
        save_sheet(folder / _SHEET, *rows, columns=_SHEET_COLUMNS)
