"""Compile once what the first painting would wait for: ``python -m impasto.runtime.warm_up``.

The loops take twenty seconds to compile. They are kept for every later start on this machine: in
NUMBA_CACHE_DIR where that is set, else beside their source, else, where nobody may write there, in
the user's cache.
"""

import torch

from impasto.painters import OptimizePainter
from impasto.painters.tiled_canvas import TiledCanvas
from impasto.strokes import Bezier

_SIZE = 32  # pixels


def warm_up() -> None:
    """Paint a small picture, draw it by the loops for other uses, and forget it."""
    painter = OptimizePainter(Bezier(), strokes=20, work_size=_SIZE, steps=10)  # one is moved
    target = torch.zeros(3, _SIZE, _SIZE)
    strokes = painter.paint(target).requires_grad_()
    TiledCanvas(painter.stroke, target, painter.background).draw(strokes).error.backward()


if __name__ == "__main__":
    warm_up()
