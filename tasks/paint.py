"""The task `paint`: pictures given as files or folders, painted."""

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure
from tqdm import tqdm

from painting.canvas import to_float
from painting.drawing import draw
from painting.errors import UserError
from painting.exporters import Exporter, Png
from painting.figures import save_sheet
from painting.images import find_images, read_image, resize_image
from painting.painters import Painter
from painting.record import StrokeRecord, write_record
from painting.sizes import asked_size

log = logging.getLogger(__name__)

Source = str | Path | Sequence[str | Path]

_SHEET = "paintings.png"
_SHEET_COLUMNS = 8
_SHEET_PICTURES = 64
_RESERVED = frozenset({"run.log", "summary.json", _SHEET})  # names that a run folder needs itself
_MEASURES = ("l2", "psnr", "ssim")
_SHOWN = ("target", "canvas")


@dataclass(frozen=True)
class _Painted:
    """One painting at canvas size, and how near it came: what is kept of it while others follow."""

    target: Tensor  # (3, n, n) in [0, 1]
    canvas: Tensor
    l2: float
    psnr: float
    ssim: float


def paint(
    painter: Painter,
    images: Source | None,
    folder: str | Path,
    size: int | None = None,
    export: Mapping[str, Exporter] | None = None,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """Paint pictures.

    Each is resized whole to the painter's square canvas, where its strokes are found, and drawn
    exactly in its own aspect ratio at the size asked for. Written per picture, in a folder of its
    name: `painting.png`, `strokes.json`, exports; for several pictures also a sheet of all.

    Args:
        painter: Finds the strokes.
        images: A file, a folder, a glob, or a list of them.
        folder: The run folder.
        size: Longer side of the paintings in pixels; each picture's own by default.
        export: What else to write, by name.
        device: Where to paint.

    Returns:
        `images`, `strokes`, and the means of `l2`, `psnr` (dB) and `ssim`, measured at canvas size,
        drawn by the exact rasterizer.

    Raises:
        UserError: No picture can be read, a picture asked for by name cannot, the size makes no
            sense, or an export lacks what it needs.
    """
    exports = {"png": Png(), **(export or {})}
    for one in exports.values():
        one.check()
    asked_size(1, 1, size)  # an error now, not after the first painting
    pictures = _find(images)
    names = _folder_names(pictures)
    done: list[_Painted] = []
    with tqdm(total=len(pictures) * painter.steps, unit="step", dynamic_ncols=True) as bar:
        for number, (path, name) in enumerate(zip(pictures, names, strict=True)):
            bar.set_description(name)
            image = _read_or_skip(path)
            if image is not None:
                strokes, painted = _paint_one(painter, image, device, bar)
                done.append(painted)
                _write(painter, strokes, image, size, Path(folder) / name, exports.values())
            bar.update(painter.steps * (number + 1) - bar.n)  # also past a skipped picture
    if not done:
        raise UserError(
            f"none of the {len(pictures)} pictures of {images} can be read", "replace them"
        )
    if len(done) > 1:
        shown = done[:_SHEET_PICTURES]
        targets, canvases = (torch.stack([getattr(d, k) for d in shown]) for k in _SHOWN)
        save_sheet(Path(folder) / _SHEET, targets, canvases, columns=_SHEET_COLUMNS)
    means = {key: float(np.mean([getattr(one, key) for one in done])) for key in _MEASURES}
    return {"images": len(done), "strokes": painter.strokes, **means}


def _find(images: Source | None) -> list[Path]:
    """The pictures, each once; one that was asked for by name must be readable."""
    if images is None:
        raise UserError("image is not set", "give image=FILE, a folder, a glob or a list of them")
    sources = [images] if isinstance(images, (str, Path)) else list(images)
    for source in sources:
        if find_images(source) in ([Path(source)], [Path(source).expanduser()]):
            read_image(find_images(source)[0])  # an error now, not after the others are painted
    return find_images(sources)


def _folder_names(pictures: Sequence[Path]) -> list[str]:
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
        return read_image(path)
    except UserError as error:
        log.warning("skipped: %s", error.what)
        return None


def _paint_one(
    painter: Painter, image: NDArray[np.uint8], device: torch.device | str, bar: "tqdm[NoReturn]"
) -> tuple[Tensor, _Painted]:
    """Find the strokes (N, D) of a picture, and measure them at canvas size."""
    size = painter.canvas(*image.shape[:2])
    resized = torch.from_numpy(resize_image(image, *size))
    target = to_float(resized.permute(2, 0, 1)).contiguous()  # (3, H, W)

    start = bar.n

    def progress(step: int, psnr: float) -> None:
        bar.set_postfix(psnr=f"{psnr:.2f} dB", refresh=False)
        bar.update(start + step - bar.n)

    strokes = painter.paint(target.to(device), progress).detach().cpu()
    canvas = draw(painter.stroke, strokes[None], *size, painter.background)
    l2 = float((canvas[0] - target).square().mean())
    ssim = structural_similarity_index_measure(canvas, target[None], data_range=1.0)
    assert isinstance(ssim, Tensor)
    psnr = -10 * math.log10(max(l2, 1e-10))
    return strokes, _Painted(target, canvas[0], l2, psnr, float(ssim))


def _write(
    painter: Painter, strokes: Tensor, image: NDArray[np.uint8], size: int | None, folder: Path,
    exports: Iterable[Exporter],
) -> None:  # fmt: skip
    """Write what is left behind of one picture."""
    rows, columns = image.shape[:2]
    height, width = asked_size(rows, columns, size)
    red, green, blue = painter.background
    record = StrokeRecord(painter.stroke, strokes, width, height, (red, green, blue))
    write_record(folder / "strokes.json", record)
    for export in exports:
        export.write(folder, record)
