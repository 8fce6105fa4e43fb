"""The JSON Schema of the record: ``python -m impasto.io.schema > docs/strokes.schema.json``."""

import json
from typing import Any

from impasto.io.images import LARGEST
from impasto.io.record import VERSION, number_range
from impasto.strokes.base import Stroke, loaded_kinds


def schema() -> dict[str, Any]:
    """Return the JSON schema of `strokes.json`, for every stroke kind of this package."""
    level = {"type": "number", "minimum": 0, "maximum": 1}
    color = {"type": "array", "items": level, "minItems": 3, "maxItems": 3}
    pixels = {"type": "integer", "minimum": 1, "maximum": LARGEST}
    kinds = [kind for kind in loaded_kinds() if kind.__module__.startswith("impasto.")]
    kinds.sort(key=lambda kind: kind.name)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stroke record",
        "description": "A painting as strokes, in painting order. Coordinates are fractions of the "
        "picture's width and height, radii and lengths of its shorter side, angles radians "
        "clockwise from +x; opacity 1 is full paint.",
        "type": "object",
        "required": ["version", "stroke", "width", "height", "background", "strokes"],
        "additionalProperties": False,
        "properties": {
            "version": {"const": VERSION},
            "stroke": {"enum": [kind.name for kind in kinds]},
            "options": {"type": "object", "description": "What the kind is drawn with."},
            "width": pixels,
            "height": pixels,
            "background": {"anyOf": [color, {"type": "null"}], "description": "null: transparent"},
            "strokes": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["shape", "color"],
                    "additionalProperties": False,
                    "properties": {"shape": {"type": "object"}, "color": color},
                },
            },
        },
        "allOf": [_shape_of(kind) for kind in kinds],
    }


def _shape_of(kind: type[Stroke]) -> dict[str, Any]:
    """The parameters that a kind's strokes have, and no others."""
    shape = {
        "type": "object",
        "required": list(kind.parameters),
        "additionalProperties": False,
        "properties": {name: _number(name) for name in (*kind.parameters, *kind.optional)},
    }
    strokes = {"items": {"properties": {"shape": shape}}}
    return {
        "if": {"properties": {"stroke": {"const": kind.name}}},
        "then": {"properties": {"strokes": strokes}},
    }


def _number(name: str) -> dict[str, Any]:
    low, high = number_range(name)
    return {"type": "number", "minimum": low, "maximum": high}


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
