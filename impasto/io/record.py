"""The stroke record, `strokes.json`: every stroke of a painting, to be drawn again at any size."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import UserError, brief
from impasto.io.files import read_json
from impasto.io.images import LARGEST
from impasto.persistence.atomic import atomic_write
from impasto.rendering import draw_picture
from impasto.strokes import COLOR_DIM, Stroke
from impasto.strokes.base import loaded_kinds
from impasto.strokes.conversion import from_record, to_record
from impasto.strokes.limits import is_level

VERSION = 1

_FIELDS = ("stroke", "width", "height", "background", "strokes")
_MOST_BYTES = 2**28  # a million strokes
_ANY = 1e9  # of a parameter of which no more is known
# By how a parameter's name starts, what it may be: coordinates as far as two sides outside of the
# picture (strokes that an agent paints on a region reach over it a little), lengths in shorter
# sides, opacities, angles in radians.
_RANGES = {
    ("x", "y"): (-2.0, 3.0),
    ("radius", "width", "height", "size"): (0.0, 4.0),
    ("opacity", "lift"): (0.0, 1.0),
    ("angle",): (-1000.0, 1000.0),
}


@dataclass(frozen=True)
class StrokeRecord:
    """Painting as a list of strokes.

    Attributes:
        stroke: The stroke kind.
        strokes: (N, D) float32, in painting order.
        width: Pixels of the picture it was painted from or for.
        height: The same.
        background: RGB in [0, 1] of the blank canvas; None is transparent.
    """

    stroke: Stroke
    strokes: Tensor
    width: int
    height: int
    background: tuple[float, float, float] | None

    @property
    def ground(self) -> tuple[float, float, float]:
        """The background where nothing can be transparent: black takes its place."""
        return self.background or (0.0, 0.0, 0.0)

    def draw(self) -> NDArray[np.uint8]:
        """Draw the painting exactly: `painting.png`.

        Returns:
            (H, W, 3) uint8, RGB; (H, W, 4) with alpha on a transparent background.
        """
        return draw_picture(self.stroke, self.strokes, self.height, self.width, self.background)


def write_record(path: str | Path, record: StrokeRecord) -> None:
    """Write `strokes.json`, atomically, in full float32 precision.

    Args:
        path: The file.
        record: What to write.

    Raises:
        UserError: The folder cannot be written.
    """
    stroke, strokes = record.stroke, record.strokes.detach().cpu().float()
    shapes, colors = strokes[:, : stroke.shape_dim], strokes[:, stroke.shape_dim :]
    content = {
        "version": VERSION,
        "stroke": stroke.name,
        **({"options": stroke.options()} if stroke.options() else {}),
        "width": record.width,
        "height": record.height,
        "background": None if record.background is None else list(record.background),
        "strokes": [
            {"shape": to_record(stroke, shape), "color": color.tolist()}
            for shape, color in zip(shapes, colors, strict=True)
        ],
    }
    with atomic_write(path) as temporary:
        temporary.write_text(_one_stroke_a_line(content), encoding="utf-8")


def _one_stroke_a_line(record: Mapping[str, Any]) -> str:
    """Format JSON so that a person can read it and a diff can show it."""
    head = {key: value for key, value in record.items() if key != "strokes"}
    lines = ",\n  ".join(json.dumps(one, allow_nan=False) for one in record["strokes"])
    start = json.dumps(head, allow_nan=False)[:-1]
    return f'{start}, "strokes": [\n  {lines}\n]}}\n'


def read_record(path: str | Path) -> StrokeRecord:
    """Read `strokes.json`.

    Args:
        path: The file.

    Returns:
        Its content; float32 strokes as they were written, but for rounding in a relative parameter.

    Raises:
        UserError: The file is missing, not JSON, of another version, or wrong in a field or stroke
            (which one is said; strokes are numbered from 0, as in every file).
    """
    path = Path(path)
    try:
        record = read_json(path, _MOST_BYTES)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file", "give a strokes.json") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", "check it") from error
    except ValueError as error:  # also what is not UTF-8
        raise UserError(f"{path}: not JSON ({error})", "give a strokes.json") from error
    if not isinstance(record, dict) or record.get("version") != VERSION:
        version = record.get("version") if isinstance(record, dict) else None
        raise UserError(
            f"{path}: version {brief(version)} of the stroke record",
            f"give a strokes.json of version {VERSION}",
        )
    for key in _FIELDS:
        if key not in record:
            raise UserError(f"{path}: {key} is missing", "give a whole strokes.json")
    stroke = _kind(record.get("stroke"), record.get("options", {}), path)
    return StrokeRecord(
        stroke,
        _strokes(stroke, record.get("strokes"), path),
        _pixels(record, "width", path),
        _pixels(record, "height", path),
        _background(record.get("background", ()), path),
    )


def _kind(name: object, options: object, path: Path) -> Stroke:
    """Build the stroke kind of a name, any loaded class of strokes, with its options."""
    known = {kind.name: kind for kind in loaded_kinds()}
    if not isinstance(name, str) or name not in known:
        raise UserError(
            f"{path}: unknown stroke kind {brief(name)}",
            f"the kinds are {', '.join(sorted(known))}",
        )
    if not isinstance(options, dict):
        raise UserError(f"{path}: the options are {brief(options)}", "mend or remove them")
    try:
        kind = known[name]
        made: Stroke = getattr(kind, "from_options", kind)(**options)
        return made
    except UserError as error:
        raise UserError(f"{path}: {error.what}", error.todo) from error
    except TypeError as error:  # an option that the kind does not know, or of the wrong type
        raise UserError(f"{path}: options that do not fit ({error})", "mend them") from error


def _pixels(record: Mapping[str, object], key: str, path: Path) -> int:
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
        todo = f"give a number of pixels from 1 to {LARGEST}"
        raise UserError(f"{path}: {key} is {brief(value)}", todo)
    return value


def _background(value: object, path: Path) -> tuple[float, float, float] | None:
    if value is None:
        return None
    red, green, blue = _color(value, f"{path}: the background")
    return red, green, blue


def _strokes(stroke: Stroke, entries: object, path: Path) -> Tensor:
    if not isinstance(entries, list):
        raise UserError(f"{path}: no list of strokes", "give a whole strokes.json")
    rows = [_stroke(stroke, entry, f"{path}: stroke {n}") for n, entry in enumerate(entries)]
    return torch.stack(rows) if rows else torch.empty(0, stroke.dim)


def _stroke(stroke: Stroke, entry: object, name: str) -> Tensor:
    """Parse one stroke (D,), float32."""
    if not isinstance(entry, dict) or not isinstance(entry.get("shape"), dict):
        raise UserError(f"{name} has no shape", "mend or remove it")
    for parameter, value in entry["shape"].items():
        _check_number(parameter, value, name)
    try:
        shape = from_record(stroke, entry["shape"])
    except UserError as error:
        raise UserError(f"{name}: {error.what}", error.todo) from error
    return torch.cat([shape, torch.tensor(_color(entry.get("color"), f"{name}: its color"))])


def _check_number(parameter: str, value: object, name: str) -> None:
    """Check a number of a shape as it stands in the file."""
    what = f"{name}: {parameter} is {brief(value)}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UserError(f"{what}, which is not a number", "mend or remove the stroke")
    low, high = number_range(parameter)
    if not low <= value <= high:
        raise UserError(what, f"mend or remove the stroke: it may be {low:g} to {high:g}")


def number_range(parameter: str) -> tuple[float, float]:
    """Return the least and the largest value of a shape's number of this name in a record."""
    fitting = (reach for starts, reach in _RANGES.items() if parameter.startswith(starts))
    return next(fitting, (-_ANY, _ANY))


def _color(value: object, name: str) -> list[float]:
    """Parse a colour: three levels in [0, 1]."""
    if not isinstance(value, list) or len(value) != COLOR_DIM or not all(map(is_level, value)):
        raise UserError(f"{name} is {brief(value)}", "give three numbers from 0 to 1")
    return [float(level) for level in value]
