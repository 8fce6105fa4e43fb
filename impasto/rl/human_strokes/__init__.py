"""Paintings by hand of the pictures of a class: one stroke record for each class.

``digits`` comes with the project: ``0.json`` to ``9.json``, six Bézier strokes each on black.
A painter of another kind whose strokes go along curves takes them along the same (`retrace`).
`follows` compares strokes with an example's, in order and direction.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.io.record import StrokeRecord, read_record
from impasto.strokes import COLOR_DIM, Stroke
from impasto.strokes.conversion import retrace, trace

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
        return torch.cat([retrace(stroke, trace(record.stroke, shape)), color], dim=1)
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


_POINTS = 5  # along a stroke, from its start to its end
_LEAST = 1e-6  # canvas sides: what is smaller is a dot, and has no direction


def center_lines(stroke: Stroke, strokes: Tensor) -> Tensor:
    """Return the brush's path in its order: strokes (B, N, D) to (B, N, 5, 2), in canvas sides.

    Raises:
        UserError: Strokes of the kind go nowhere.
    """
    t = torch.linspace(0, 1, _POINTS).to(strokes)
    points = trace(stroke, strokes.flatten(0, 1)[:, : stroke.shape_dim]).at(t)
    lines: Tensor = points.unflatten(0, strokes.shape[:2])
    return lines


def follows(painted: Tensor, example: Tensor) -> Tensor:
    """Return a mask of the strokes that lie and go where the same stroke of the example does.

    Both are first moved and scaled as a whole, so that the box around all points of all strokes has
    its centre at 0 and a longer side of 1: a digit may be written larger, or beside the example.
    The distance of two strokes is the mean over five pairs of points along them, from start to end.
    Stroke i of a painting follows if it is nearer to stroke i of the example than to any other one
    in either direction, and than to the same one painted backwards. A dot never does.

    Nothing is asked of colour, width and opacity: a stroke that can't be seen is judged, too.

    Args:
        painted: (B, N, M, 2), from `center_lines`.
        example: The same of each painting's example.

    Returns:
        (B, N) bool.
    """
    here, there = _framed(painted), _framed(example)
    either = torch.cat([there, there.flip(2)], dim=1)  # (B, 2 N, M, 2)
    distance = (here[:, :, None] - either[:, None]).norm(dim=-1).mean(-1)  # (B, N, 2 N)
    own = torch.eye(here.shape[1], 2 * here.shape[1], dtype=torch.bool, device=here.device)
    others = distance.masked_fill(own, torch.inf).amin(2)
    nearest: Tensor = distance.diagonal(dim1=1, dim2=2) + _LEAST < others
    return nearest


def _framed(points: Tensor) -> Tensor:
    """Move and scale points (B, N, M, 2) of a painting into its own box."""
    low, high = points.amin((1, 2), keepdim=True), points.amax((1, 2), keepdim=True)
    side = (high - low).amax(-1, keepdim=True).clamp_min(_LEAST)
    return (points - (low + high) / 2) / side
