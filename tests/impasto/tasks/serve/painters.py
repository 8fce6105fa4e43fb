"""Painters that do as a test wants."""

import threading

import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.painters import Painter, Progress, Sketch
from impasto.strokes import Circle, Stroke


class GrowingPainter(Painter):
    """Lays one circle of the picture's mean colour a step; after `free` steps it waits for `go`."""

    background = (0.0, 0.0, 0.0)

    def __init__(
        self, stroke: Stroke | None = None, strokes: int = 3, free: int = 99, **look: object
    ) -> None:
        self.look = look
        self.stroke = stroke or Circle()
        self.strokes = self.steps = strokes
        self.free = free
        self.finished = False
        self.go, self.waits = threading.Event(), threading.Event()

    def canvas(self, height: int, width: int) -> tuple[int, int]:
        return (8, 16) if width > height else (16, 8)

    def paint(
        self,
        target: Tensor,
        progress: Progress | None = None,
        start: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        places = torch.linspace(0.2, 0.8, self.strokes)[:, None].expand(-1, self.stroke.shape_dim)
        color = target.mean((1, 2)).expand(self.strokes, 3)
        strokes = torch.cat([places, color], dim=1)
        for step in range(1, self.strokes + 1):
            if progress is not None:
                progress(Sketch(step, 10.0 + step, self.stroke, strokes[:step]))
            if step == self.free:
                self.waits.set()
                assert self.go.wait(60)
        self.finished = True
        return strokes


class BrokenPainter(GrowingPainter):
    """Fails with the given error."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def paint(
        self,
        target: Tensor,
        progress: Progress | None = None,
        start: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        raise self.error


def no_agent(stroke: Stroke, strokes: int, **look: object) -> Painter:
    raise UserError("no weights", "train an agent")
