"""Compile once what the first painting would wait for: ``python -m impasto.runtime.warm_up``.

The loops take twenty seconds to compile. They are kept for every later start on this machine: in
NUMBA_CACHE_DIR where that is set, else beside their source, else, where nobody may write there, in
the user's cache. Where it happens on the way, `compiling` says so.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from tqdm import tqdm

from impasto.painters import OptimizePainter
from impasto.painters.tiled_canvas import TiledCanvas
from impasto.strokes import Bezier

COMPILING = "compiling strokes, once (20 s)"
_SIZE = 32  # pixels


def warm_up() -> None:
    """Paint a small picture, draw it by the loops for other uses, and forget it."""
    painter = OptimizePainter(Bezier(), strokes=20, work_size=_SIZE, steps=10)  # one is moved
    target = torch.zeros(3, _SIZE, _SIZE)
    strokes = painter.paint(target).requires_grad_()
    TiledCanvas(painter.stroke, target, painter.background).draw(strokes).error.backward()


@contextmanager
def compiling(bar: "tqdm[Any]") -> Iterator[None]:
    """Let a bar say `COMPILING` whenever a loop is compiled while the context is open."""
    from numba.core.event import Listener, install_listener  # half a second, of everybody's start

    class Compilation(Listener):
        before: list[str] = []  # noqa: RUF012  # of loops that are compiled within each other

        def on_start(self, event: Any) -> None:
            self.before.append(bar.desc)
            bar.set_description(COMPILING)

        def on_end(self, event: Any) -> None:
            bar.set_description_str(self.before.pop())

    with install_listener("numba:compile", Compilation()):
        yield


if __name__ == "__main__":
    warm_up()
