"""The JSON Schema of the stroke record."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from impasto.io.record import write_record
from impasto.io.schema import schema
from impasto.strokes import Bezier, Stroke
from tests.conftest import ROOT
from tests.impasto.io.exporters.paintings import some_painting
from tests.impasto.strokes.kinds import KINDS


def test_the_file_is_the_programs() -> None:
    assert json.loads((ROOT / "docs" / "strokes.schema.json").read_text()) == schema()


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("background", [None, (0.0, 0.5, 1.0)])
def test_every_record_fits(stroke: Stroke, background: Any, tmp_path: Path) -> None:
    write_record(tmp_path / "strokes.json", some_painting(stroke, background=background))
    jsonschema.validate(json.loads((tmp_path / "strokes.json").read_text()), schema())


BREAKAGES: list[Callable[[dict[str, Any]], Any]] = [
    lambda record: record.update(version=2),
    lambda record: record.pop("width"),
    lambda record: record.update(more=1),
    lambda record: record.update(stroke="scribble"),
    lambda record: record["strokes"][1]["shape"].pop("x1"),
    lambda record: record["strokes"][1]["shape"].update(z=1.0),
    lambda record: record["strokes"][1]["shape"].update(x0="left"),
    lambda record: record["strokes"][1].update(color=[0, 0, 2]),
    lambda record: record["strokes"][1].pop("color"),
    lambda record: record.update(background=[0, 0]),
]


@pytest.mark.parametrize("damage", BREAKAGES)
def test_what_is_wrong_does_not_fit(
    damage: Callable[[dict[str, Any]], Any], tmp_path: Path
) -> None:
    write_record(tmp_path / "strokes.json", some_painting(Bezier(), 3))
    record = json.loads((tmp_path / "strokes.json").read_text())
    jsonschema.validate(record, schema())
    damage(record)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record, schema())
