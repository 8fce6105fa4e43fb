"""The task `render`: a stroke record drawn again, at any size."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from impasto.bounds import validated
from impasto.errors import UserError
from impasto.io.exporters import Exporter, Png
from impasto.io.images import Size, asked_size
from impasto.io.record import read_record
from impasto.runtime.memory import check_drawing
from impasto.strokes.limits import is_level


@validated
def render(
    record: str | Path | None,
    folder: str | Path,
    size: Size | None = None,
    background: Sequence[float] | str | None = None,
    export: Mapping[str, Exporter] | None = None,
) -> dict[str, int]:
    """Draw `strokes.json` again, exactly.

    Args:
        record: The file.
        folder: The run folder, where `painting.png` and the exports go.
        size: Longer side in pixels; the record's by default.
        background: RGB in [0, 1], or `transparent`; the record's by default.
        export: What else to write, by name.

    Returns:
        `strokes`, `width` and `height`.

    Raises:
        UserError: There is no such record, it is wrong somewhere (it is said where), or the size or
            the background makes no sense, or an export can't be of it.
    """
    if record is None:
        raise UserError("record is not set", "give record=FILE, a strokes.json")
    exports = {"png": Png(), **(export or {})}
    painting = read_record(record)
    for one in exports.values():
        one.check(painting.stroke, painting.strokes)
        one.bar = True
    height, width = asked_size(painting.height, painting.width, size)
    check_drawing(height, width)
    for one in exports.values():
        one.check_size(height, width)
    painting = dataclasses.replace(painting, height=height, width=width)
    if background is not None:
        painting = dataclasses.replace(painting, background=_background(background))
    for one in exports.values():
        one.write(Path(folder), painting)
    return {"strokes": len(painting.strokes), "width": width, "height": height}


def _background(value: Sequence[float] | str) -> tuple[float, float, float] | None:
    if value == "transparent":
        return None
    levels = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    if len(levels) != 3 or not all(map(is_level, levels)):
        raise UserError(
            f"background={value} makes no sense",
            "give background=transparent or three numbers from 0 to 1, such as [1,1,1]",
        )
    red, green, blue = levels
    return red, green, blue
