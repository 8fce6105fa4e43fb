"""Player of a painting: the canvas after any number of strokes, drawn exactly and quickly."""

import threading

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.canvas import to_array
from impasto.io.record import StrokeRecord
from impasto.rendering import blank, states

_KEPT_BYTES = 96_000_000
_LEAST = 8  # strokes between two canvases that are kept: fewer are drawn in no time


class States:
    """States of a painting, for going back and forth in it.

    Canvases are kept on the way, one every so many strokes: from the nearest one below, few strokes
    are left to draw. May be used from several threads.

    Args:
        painting: The painting, at the size at which it is to be seen.

    Attributes:
        every: Strokes between two canvases that are kept.
    """

    def __init__(self, painting: StrokeRecord) -> None:
        self._painting = painting
        self._strokes = painting.strokes.detach().cpu()
        height, width, count = painting.height, painting.width, len(self._strokes)
        canvas_bytes = 3 * 4 * height * width
        most = max(1, _KEPT_BYTES // canvas_bytes)
        self.every = max(_LEAST, -(-count // most))
        self._canvases: list[Tensor] = [blank(height, width, painting.ground, self._strokes)]
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of strokes in the painting."""
        return len(self._strokes)

    @torch.no_grad()
    def after(self, count: int) -> NDArray[np.uint8]:
        """Draw the painting after so many strokes, from 0 to all: (H, W, 3) uint8.

        The same as if only these strokes had ever been drawn.
        """
        count = min(max(count, 0), len(self))
        painting = self._painting
        with self._lock:
            nearest = min(count // self.every, len(self._canvases) - 1)
            canvas = self._canvases[nearest].clone()
            first = nearest * self.every
            strokes = self._strokes[first:count]
            drawn = states(painting.stroke, strokes, canvas, painting.height)
            for number, state in enumerate(drawn, start=first):
                if number == len(self._canvases) * self.every:
                    self._canvases.append(state.clone())
        return to_array(canvas)
