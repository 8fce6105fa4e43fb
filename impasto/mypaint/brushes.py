"""MyPaint's brushes: files that end in ``.myb``, found by name, and checked before C sees them."""

import math
import os
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any

from impasto.errors import UserError
from impasto.io.files import read_json

# Inputs of one setting: a brush of 64 points was the most that MyPaint's own editor makes; of one
# point, or of more, libmypaint ends the process.
_FEWEST_POINTS, _MOST_POINTS = 2, 64
_LARGEST = 2**20  # bytes of a brush's file
_FAR = 1e4  # no number of a real brush is larger
_SUFFIX = ".myb"

Settings = dict[str, Any]


def find_brush(name: str | Path) -> tuple[str, Settings]:
    """Read a brush.

    Args:
        name: ``classic/dry_brush`` or the like, of those that are installed; or a file that ends in
            ``.myb``.

    Returns:
        What to call it (a file by its own name), and its settings: see `check_settings`.

    Raises:
        UserError: There is none of this name, or the file is no brush.
    """
    asked = str(name)
    if asked.endswith(_SUFFIX):
        path = Path(asked).expanduser()
        return path.name, _read(path)
    brushes = installed_brushes()
    if asked in brushes:
        return asked, _read(brushes[asked])
    if not brushes:
        raise UserError(
            f"`brush={asked}`: no brushes of MyPaint are installed",
            "run make mypaint, or install Debian's mypaint-brushes, or give a file: NAME.myb",
        )
    ends = {known.rpartition("/")[2]: known for known in brushes}
    near = get_close_matches(asked.rpartition("/")[2], ends, n=3, cutoff=0.5)
    raise UserError(
        f"`brush={asked}`: MyPaint has no brush of this name",
        f"give {' or '.join(ends[end] for end in near) or 'classic/dry_brush'}, or a .myb file",
    )


def installed_brushes() -> dict[str, Path]:
    """Find all brushes of this machine, by name; of two with one name, the newest MyPaint's."""
    brushes: dict[str, Path] = {}
    for folder in _folders():
        for path in sorted(folder.rglob(f"*{_SUFFIX}")):
            brushes.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
    return brushes


def _folders() -> Iterator[Path]:
    """Yield the folders of MyPaint's brushes: XDG Base Directory Specification, and Homebrew's."""
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share:/opt/homebrew/share"
    for base in (home, *shared.split(":")):
        folder = Path(base).expanduser()
        yield from sorted(folder.glob("mypaint-data/*/brushes"), reverse=True)
        if (folder / "mypaint" / "brushes").is_dir():
            yield folder / "mypaint" / "brushes"


def _read(path: Path) -> Settings:
    """Read the settings in a brush's file."""
    try:
        content = read_json(path, _LARGEST)
    except OSError as error:
        what = f"`brush={path}`: cannot be read ({error.strerror})"
        raise UserError(what, "give the name of a .myb file; check its permissions") from error
    except ValueError as error:
        raise _no_brush(str(path), "it is no JSON") from error
    if not isinstance(content, dict) or content.get("version") != 3:
        raise _no_brush(str(path), "it is no brush file of version 3")
    return check_settings(content.get("settings"), str(path))


def check_settings(settings: object, name: str) -> Settings:
    """Check the settings of a brush: bad ones crash or hang libmypaint.

    Args:
        settings: By a setting's name ``base_value``, a number, and ``inputs``, by an input's name
            the points [x, y] of a curve, x rising.
        name: Of the brush, for the error.

    Returns:
        The same, with nothing else in it.

    Raises:
        UserError: They are not so.
    """
    if not isinstance(settings, dict) or not settings:
        raise _no_brush(name, "it has no settings")
    checked: Settings = {}
    for key, setting in settings.items():
        if not isinstance(setting, dict) or not _is_number(setting.get("base_value")):
            raise _no_brush(name, f"its {key} has no base value")
        inputs = setting.get("inputs", {})
        if not isinstance(inputs, dict) or not all(map(_is_curve, inputs.values())):
            raise _no_brush(name, f"an input of its {key} is no curve")
        curves = {str(source): points for source, points in inputs.items()}
        checked[str(key)] = {"base_value": setting["base_value"], "inputs": curves}
    return checked


def _is_curve(points: object) -> bool:
    """Return True for a list of 2 to 64 points (x, y) whose x does not fall."""
    if not isinstance(points, list) or not _FEWEST_POINTS <= len(points) <= _MOST_POINTS:
        return False
    pairs = all(
        isinstance(point, list) and len(point) == 2 and all(map(_is_number, point))
        for point in points
    )
    return pairs and all(one[0] <= next_[0] for one, next_ in pairwise(points))


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and abs(value) <= _FAR


def _no_brush(name: str, why: str) -> UserError:
    return UserError(f"`brush={name}`: not a brush of MyPaint: {why}", "give a .myb file")
