"""Paintings by hand of the pictures of a class: one stroke record for each class.

``digits`` comes with the project: ``0.json`` to ``9.json``, six Bézier strokes each on black.
A painter of another kind whose strokes go along curves takes them along the same (`Stroke.trace`).
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.io.record import StrokeRecord, read_record
from impasto.strokes import COLOR_DIM, Stroke

_HERE = Path(__file__).parent
_SLACK = 1e-6  # by which rounding may take a number of a record out of [0, 1]


class HumanStrokes:
    """One example for each class of a data set.

    Args:
        folder: With a stroke record ``CLASS.json`` for each class; or ``digits``, which comes with
            the project.

    Attributes:
        folder: Where they are.
        records: Each class's record, by the class's name.

    Raises:
        UserError: There is no such folder, no record in it, or one that can't be read.
    """

    def __init__(self, folder: str | Path = "digits") -> None:
        given = Path(folder)
        own = _HERE / folder
        self.folder = own if _has_records(own) and not _has_records(given) else given
        paths = sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []
        if not paths:
            named = ", ".join(sorted(path.name for path in _HERE.iterdir() if _has_records(path)))
            raise UserError(
                f"{folder} is no folder with stroke records",
                f"give one with CLASS.json, or {named}",
            )
        self.records = {path.stem: read_record(path) for path in paths}

    def check(self, stroke: Stroke, count: int) -> None:
        """Check that all of them are what a painter of such strokes could paint.

        Args:
            stroke: The painter's stroke kind. Examples of another one have to be traces that it
                can follow.
            count: Strokes in a painting, N.

        Raises:
            UserError: A record is of another stroke kind or number, or holds a number that no
                action stands for: a control point outside of the box of its ends, say.
        """
        for name, record in self.records.items():
            path, found = self.folder / f"{name}.json", len(record.strokes)
            if found != count:
                raise UserError(
                    f"{path} has {found} strokes, and the painting has {count}",
                    f"give `strokes={found}`, or examples of {count} strokes",
                )
            _check_range(_as(stroke, record, path), stroke, path)

    def fit(self, stroke: Stroke, count: int) -> bool:
        """Return True if `check` raises no error."""
        try:
            self.check(stroke, count)
        except UserError:
            return False
        return True

    def of(self, classes: Sequence[str], stroke: Stroke) -> Tensor:
        """Return the examples of these classes as strokes of a kind; call `check` first.

        Returns:
            (C, N, D) in [0, 1], in the order of the classes.

        Raises:
            UserError: A class has no example.
        """
        for name in classes:
            if name not in self.records:
                raise UserError(
                    f"{self.folder} has no example for class {name!r}",
                    f"draw {name}.json, or choose data whose classes are {', '.join(self.records)}",
                )
        strokes = [_as(stroke, self.records[name], self.folder) for name in classes]
        return torch.stack(strokes).clamp(0, 1)


def _has_records(path: Path) -> bool:
    return path.is_dir() and any(path.glob("*.json"))


def _as(stroke: Stroke, record: StrokeRecord, path: Path) -> Tensor:
    """Convert a record's strokes (N, D) to strokes of a kind along the same lines."""
    if record.stroke.name == stroke.name:
        return record.strokes
    shape, color = record.strokes.split([record.stroke.shape_dim, COLOR_DIM], dim=1)
    try:
        return torch.cat([stroke.from_trace(record.stroke.trace(shape)), color], dim=1)
    except UserError as error:
        kind = record.stroke.name
        raise UserError(
            f"{path} has {kind} strokes, and the painter paints {stroke.name}",
            f"choose `{type(record.stroke).__name__}`, or give examples of the painter's kind",
        ) from error


def _check_range(strokes: Tensor, stroke: Stroke, path: Path) -> None:
    names = [*stroke.parameters, "red", "green", "blue"]
    outside = ((strokes < -_SLACK) | (strokes > 1 + _SLACK)).nonzero().tolist()
    for number, column in outside[:1]:
        value = float(strokes[number, column])
        raise UserError(
            f"{path}: {names[column]} of stroke {number} is {value:.3g} in the painter's numbers, "
            "which go from 0 to 1",
            "draw it otherwise; a Bézier's control point lies in the box of its ends",
        )
