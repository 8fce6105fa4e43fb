"""Orders and messages of the page: what a visitor asks for, and what they are shown."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from impasto.bounds import Count, Rgb, Seed, validated
from impasto.errors import UserError
from impasto.io.record import StrokeRecord


@validated
@dataclass(frozen=True)
class Order:
    """Order of a visitor: how to paint their picture.

    Attributes:
        painter: The painter's name.
        stroke: The stroke kind's name.
        strokes: How many.
        style: See `impasto.paint`.
        quality: See `impasto.paint`; None is the painter's own number of steps.
        opaque: Whether the strokes are to be opaque.
        palette: How many colours, found in the picture; None is the stroke kind's own, or any.
        background: RGB in [0, 1] of the blank canvas.
        seed: Fixes the painting.
        detail: See `impasto.paint`; counts without a mask.
        mask: A PNG in base64, white where detail goes.
    """

    painter: str
    stroke: str
    strokes: Count
    style: str = "photo"
    quality: str | None = None
    opaque: bool = False
    palette: Annotated[int, Ge(1), Le(256)] | None = None
    background: Rgb = (0.0, 0.0, 0.0)
    seed: Seed = 0
    detail: str = "auto"
    mask: str | None = None


_ORDER = TypeAdapter(Order)


def read_order(text: bytes) -> Order:
    """Read an order as the page's form sends it, in JSON.

    Raises:
        UserError: A number is out of its bounds, or it is no order.
    """
    try:
        return _ORDER.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = " ".join(map(str, first["loc"])) or "the order"
        raise UserError(f"{place}: {first['msg']}", "correct it, and paint again") from None


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
