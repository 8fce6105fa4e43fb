"""Measuring painters on pictures by number of strokes: ``task=evaluate image=…``."""

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from impasto.bounds import Count, validated
from impasto.errors import UserError
from impasto.io.figures import Panel, framed, save_panels, save_sheet
from impasto.io.images import Size, find_images, read_image
from impasto.networks.classifiers import Classifier, load_classifier
from impasto.networks.perceptual import Lpips, PerceptualDistance
from impasto.networks.pretrained import is_of_features
from impasto.painters import Painter, Progress
from impasto.persistence.atomic import atomic_write
from impasto.trial import Trial, measure

log = logging.getLogger(__name__)

Row = dict[str, Any]
Judge = Lpips | PerceptualDistance | Classifier
MEAN = "mean"  # instead of a picture's name
_TABLE = "painters.csv"
_SHARES = (1 / 8, 1 / 4, 1 / 2, 1)  # of `strokes`, where no counts are given
MeasuredSize = Annotated[Size, Ge(16)]
_SHOWN_SIZE = 128  # pixels of a picture on a sheet
_SHOWN = 64  # pictures on a sheet
_SHEET_COLUMNS = 8


@validated
def evaluate_painters(
    painters: Mapping[str, Painter],
    images: str | Path | Sequence[str | Path],
    folder: str | Path,
    strokes: Count = 400,
    counts: Sequence[Count] | Count | None = None,
    size: MeasuredSize | None = None,
    lpips: str | None = None,
    reader: str | None = None,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """Paint every picture with every painter in every number of strokes, and measure.

    All paintings of a picture are measured at one size, as `Painting` does.
    Leaves ``painters.csv`` (a row per painting, then the means), ``painters.png`` (PSNR by strokes
    and by seconds), and per painter a sheet of targets above the paintings, fewest strokes first.

    Args:
        painters: By name.
        images: A file, a folder, a glob, or a list of them.
        folder: The run folder.
        strokes: The largest number, where `counts` is not given.
        counts: Numbers of strokes; an eighth, a quarter, a half and all of `strokes` by default.
        size: Longer side in pixels at which paintings are measured; each picture's own by default.
        lpips: Weights of torchvision's AlexNet, a file, or ``default`` to download them; by default
            LPIPS is left out. Or a network of the extra `[features]`: `PerceptualDistance` by it.
        reader: A classifier, to say whether it sees in a painting what it sees in the picture.
        device: Where to paint.

    Returns:
        `images`, `strokes` (the largest number), and for that number the means of `l2`, `psnr`
        (dB), `ssim`, and of what was asked for: `lpips` or `perceptual`, and `recognized`, the
        share of pictures in whose painting the reader sees the same class. Of several painters with
        their names at the end.

    Raises:
        UserError: No picture can be read, or a number is out of its bounds.
    """
    folder = Path(folder)
    numbers = stroke_counts(counts, strokes)
    by_count = {
        name: [painter.with_strokes(number) for number in numbers]
        for name, painter in painters.items()
    }
    judges = _judges(lpips, reader)
    paths = find_images(images)
    if len(paths) == 1:
        read_image(paths[0])  # an error now, not below a progress bar
    steps = sum(painter.steps for several in by_count.values() for painter in several)
    rows: list[Row] = []
    sheets: dict[str, list[list[Tensor]]] = {name: [] for name in by_count}
    with tqdm(total=len(paths) * steps, unit="step", dynamic_ncols=True, file=sys.stderr) as bar:
        for label, image in _read(paths):
            for name, several in by_count.items():
                trials = []
                for painter in several:
                    bar.set_description(f"{label}, {name}, {painter.strokes} strokes")
                    trials.append(measure(painter, image, size, _reports(bar), device))
                rows += [_row(name, label, trial, judges) for trial in trials]
                if len(sheets[name]) < _SHOWN:
                    target = framed(trials[0].painting.target, _SHOWN_SIZE)
                    canvases = (framed(one.painting.canvas, _SHOWN_SIZE) for one in trials)
                    sheets[name].append([target, *canvases])
            write_table(folder / _TABLE, pd.DataFrame(rows))  # what an interruption leaves
    if not rows:
        raise UserError(f"none of the {len(paths)} pictures of {images} can be read", "replace it")
    table = pd.DataFrame(rows)
    averages = means(table)
    # As objects, so that whole numbers stay whole beside their means.
    write_table(folder / _TABLE, pd.concat([table.astype(object), averages.astype(object)]))
    _save_pictures(folder, averages, sheets)
    print(shown(averages))
    if lpips is None:
        print("LPIPS is left out: lpips=FILE gives the weights of torchvision's alexnet")
    return _summary(table["picture"].nunique(), averages, numbers[-1])


def _judges(lpips: str | None, reader: str | None) -> dict[str, Judge]:
    """The networks that were asked for, by their columns."""
    judges: dict[str, Judge] = {}
    if lpips is not None and is_of_features(lpips):
        judges["perceptual"] = PerceptualDistance.of_lite(lpips, "lpips")
    elif lpips is not None:
        judges["lpips"] = Lpips(lpips)
    if reader is not None:
        judges["recognized"] = load_classifier(reader, "reader")
    return judges


def stroke_counts(counts: Sequence[int] | int | None, strokes: int) -> list[int]:
    """The numbers of strokes to paint with, ascending, each once.

    Raises:
        UserError: There is none.
    """
    if counts is None:
        counts = [max(1, round(share * strokes)) for share in _SHARES]
    several = [counts] if isinstance(counts, int) else counts
    if not several:
        raise UserError("counts is empty", "give numbers of strokes: counts=[50,200]")
    return sorted(set(several))


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Means over pictures, a row per painter and number of strokes.

    Args:
        table: `painter`, `picture`, `strokes`, and columns of numbers.
    """
    grouped = table.groupby(["painter", "strokes"], sort=False).mean(numeric_only=True)
    return grouped.reset_index().assign(picture=MEAN)[list(table.columns)]


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, atomically."""
    with atomic_write(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\r\n")


def _read(paths: Sequence[Path]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Pictures with a name each, which is the whole path where others have the same."""
    names = [path.name for path in paths]
    for path in paths:
        try:
            image = read_image(path)
        except UserError as error:
            log.warning("skipped: %s", error.what)
            continue
        yield path.name if names.count(path.name) == 1 else str(path), image


def _reports(bar: "tqdm[Any]") -> Progress:
    start = bar.n
    return lambda sketch: bar.update(start + sketch.step - bar.n) and None


def _row(name: str, label: str, trial: Trial, judges: Mapping[str, Judge]) -> Row:
    near, record = trial.painting.nearness, trial.painting.record
    row: Row = {"painter": name, "picture": label, "strokes": len(record.strokes)}
    row |= {"psnr": near.psnr, "ssim": near.ssim, "l2": near.l2}
    for column, judge in judges.items():
        if isinstance(judge, Classifier):
            row[column] = float(_same_class(judge, trial))
        else:
            row[column] = near.distance(judge)
    row |= {"seconds": trial.seconds, "peak_memory_mb": trial.peak_memory_mb}
    return row | {"work_size": trial.work_size, "size": max(record.height, record.width)}


@torch.no_grad()
def _same_class(reader: Classifier, trial: Trial) -> bool:
    """Return whether a painting's most probable class is that of its picture."""
    pair = torch.stack([trial.painting.canvas, trial.painting.target])
    painted, seen = reader(pair).argmax(1).tolist()
    return bool(painted == seen)


def _save_pictures(
    folder: Path, averages: pd.DataFrame, sheets: Mapping[str, Sequence[Sequence[Tensor]]]
) -> None:
    own = {name: averages[averages["painter"] == name] for name in sheets}
    panels = [
        Panel(
            key,
            "PSNR, dB",
            {name: (one[key].tolist(), one["psnr"].tolist()) for name, one in own.items()},
        )
        for key in ("strokes", "seconds")
    ]
    save_panels(folder / "painters.png", panels)
    for name, pictures in sheets.items():
        bands = (torch.stack(band) for band in zip(*pictures, strict=True))
        file = "paintings.png" if len(sheets) == 1 else f"paintings_{name}.png"
        save_sheet(folder / file, *bands, columns=_SHEET_COLUMNS)


def shown(averages: pd.DataFrame) -> str:
    """The means as a table for the terminal."""
    lines = [f"{'painter':<16} strokes   PSNR    SSIM      L2  seconds      MB"]
    for row in averages.to_dict("records"):
        lines.append(
            f"{row['painter']:<16} {row['strokes']:>7} {row['psnr']:>6.2f} {row['ssim']:>7.3f} "
            f"{row['l2']:>7.5f} {row['seconds']:>8.2f} {row['peak_memory_mb']:>7.0f}"
        )
    return "\n".join(lines)


def _summary(images: int, averages: pd.DataFrame, strokes: int) -> dict[str, float]:
    last = averages[averages["strokes"] == strokes].to_dict("records")
    several = len(last) > 1
    metrics = {
        f"{key}_{row['painter']}" if several else key: row[key]
        for row in last
        for key in ("l2", "psnr", "ssim", "lpips", "perceptual", "recognized")
        if key in row
    }
    return {"images": images, "strokes": strokes, **metrics}
