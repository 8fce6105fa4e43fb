"""Form of the page: what there is to choose from, in plain words, and what is suggested."""

from dataclasses import dataclass
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from impasto.bounds import Count, validated
from impasto.io.images import Size
from impasto.painters.budget import QUALITIES
from impasto.painters.named import STYLES
from impasto.rendering import draw_picture
from impasto.strokes import Stroke
from impasto.strokes.conversion import AlongCurve
from impasto.tasks.serve.menus import find_choice
from impasto.tasks.serve.session import Session

# Photographs that come with scikit-image, and what is to be seen.
EXAMPLES = {"coffee": "a cup of coffee", "chelsea": "a cat", "astronaut": "an astronaut"}
_PAINTERS = {
    "optimize": "Gradient descent, without training",
    "agent": "A trained agent, then gradient descent",
    "agent+optimize": "A trained agent, then gradient descent",
    "divide": "A trained agent, tile by tile",
}
_FILES = {
    "png": "Picture, PNG",
    "svg": "Vectors, SVG",
    "gif": "Film, GIF",
    "mp4": "Film, MP4",
    "html": "Player, HTML",
    "relief": "Thick paint",
    "pixel": "Pixel art",
    "plot": "Pen plotter",
    "gcode": "G-code",
    "csv": "Table, CSV",
    "json": "Strokes, JSON",
}
_SHOWN = (64, 96)  # rows and columns of a stroke kind's picture
_SIZE = 0.12  # of its strokes, about, in shorter sides
_TIMES = 5  # strokes of each colour
_PAPER = (0.97, 0.96, 0.93)
_COLORS = ((0.75, 0.22, 0.17), (0.16, 0.35, 0.58), (0.90, 0.62, 0.15), (0.24, 0.24, 0.24))


@validated
@dataclass(frozen=True)
class Suggestion:
    """Choices of the form when it is opened.

    Attributes:
        strokes: How many.
        painter: Which painter, if it is there.
        stroke: Which stroke kind, likewise.
        style: Which style.
        steps: The painter's own gradient steps, where the command line gave some.
        size: Pixels on the longer side of what is downloaded; the picture's by default.
    """

    strokes: Count = 500
    painter: str | None = None
    stroke: str | None = None
    style: str = "photo"
    steps: int | None = None
    size: Size | None = None


def describe_form(session: Session, suggestion: Suggestion) -> dict[str, Any]:
    """Describe the form of a session for the page's script, as plain values."""
    limits = session.limits
    painter = find_choice(session.painters, suggestion.painter) or next(iter(session.painters))
    words: dict[str, str] = {}
    for name in (painter, *session.painters):  # two that differ by their steps alone are one here
        kind, _, weights = name.partition(" (")
        label = _PAINTERS.get(kind, kind) + (f" ({weights}" if weights else "")
        words.setdefault(label, name)
    names = list(session.takes[painter] or session.kinds)
    own = {} if suggestion.steps is None else {"": f"{suggestion.steps} steps"}
    return {
        "painters": [
            {"name": name, "words": label, "takes": session.takes[name]}
            for label, name in words.items()
        ],
        "qualities": own | {name: name.capitalize() for name in QUALITIES},
        "styles": {
            name: {
                "stroke": look.stroke,
                "background": "#" + bytes(round(255 * v) for v in look.background).hex(),
                "opaque": bool(look.limits.get("opaque")),
            }
            for name, look in STYLES.items()
        },
        "strokes": {name: choice.about for name, choice in session.kinds.items()},
        "exports": {
            name: _FILES.get(name, name)
            for name in dict.fromkeys([*_FILES, *session.exporters])
            if name in session.exporters
        },
        "examples": EXAMPLES,
        "most": {"strokes": limits.strokes, "megabytes": limits.megabytes},
        "suggested": {
            "painter": painter,
            "stroke": find_choice(names, suggestion.stroke) or names[0],
            "strokes": min(suggestion.strokes, limits.strokes),
            "style": suggestion.style,
            "quality": "good" if suggestion.steps is None else "",
            "size": suggestion.size,
        },
    }


def example(name: str) -> bytes:
    """Return the file of a photograph of `EXAMPLES`, a PNG.

    Raises:
        KeyError: There is none.
    """
    if name not in EXAMPLES:
        raise KeyError(name)
    return Path(str(resources.files("skimage") / "data" / f"{name}.png")).read_bytes()


def stroke_picture(stroke: Stroke) -> bytes:
    """Return a PNG that shows what strokes of a kind look like."""
    generator = torch.Generator().manual_seed(4)
    times = 1 if isinstance(stroke, AlongCurve) else _TIMES
    colors = torch.tensor(_COLORS).repeat(times, 1)
    if isinstance(stroke, AlongCurve):
        shape = stroke.sample(len(colors), generator)
    else:  # which at random would be small, or outside
        center = torch.rand(len(colors), 2, generator=generator)
        sides = _SHOWN[1] / _SHOWN[0], 1.0
        shape = stroke.place(center, _SIZE, generator, sides).clamp(0, 1)
    with torch.no_grad():
        strokes = stroke.limit(torch.cat([shape, colors], dim=1))
        picture = draw_picture(stroke, strokes, *_SHOWN, _PAPER)
    return encoded(picture)


def encoded(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """Encode a picture (H, W, 3) as PNG, quickly."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
