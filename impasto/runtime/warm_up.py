"""Compile once what the first painting would wait for: ``python -m impasto.runtime.warm_up``.

The loops take twenty seconds to compile. They are kept for every later start on this machine: in
NUMBA_CACHE_DIR where that is set, else beside their source, else, where nobody may write there, in
the user's cache.
"""

import torch

from impasto.painters import OptimizePainter
from impasto.strokes import Bezier

_SIZE = 32  # pixels


def warm_up() -> None:
    """Paint a small picture, and forget it."""
    painter = OptimizePainter(Bezier(), strokes=2, work_size=_SIZE, steps=2)
    painter.paint(torch.zeros(3, _SIZE, _SIZE))


if __name__ == "__main__":
    warm_up()
