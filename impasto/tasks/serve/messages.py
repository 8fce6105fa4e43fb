"""Orders and messages of the page: what a visitor asks for, and what they are shown."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto.io.record import StrokeRecord


@dataclass(frozen=True)
class Order:
    """Order of a visitor: the picture, and how to paint it.

    Attributes:
        path: The file that was dropped; None if none was.
        painter: The painter's name.
        stroke: The stroke kind's name.
        opaque: Whether the strokes are to be opaque.
        strokes: How many.
    """

    path: str | Path | None
    painter: str
    stroke: str
    opaque: bool
    strokes: float


@dataclass(frozen=True)
class Message:
    """Message to a visitor: text, picture and progress.

    Attributes:
        text: What is going on.
        picture: (h, w, 3) uint8; None leaves what is there.
        share: How far it is, in [0, 1]; None where that makes no sense.
        wrong: Whether the text says what is wrong.
        painting: The finished painting.
    """

    text: str
    picture: NDArray[np.uint8] | None = None
    share: float | None = None
    wrong: bool = False
    painting: StrokeRecord | None = None
