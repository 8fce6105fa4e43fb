"""Trial of a painter on a picture: its painting, the time and the memory that it took."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from impasto.api import paint_picture
from impasto.painters import Painter, Progress
from impasto.painting import Painting, Unfinished
from impasto.runtime.memory import MemoryPeak

_LOOKS = 0.05  # seconds between two looks at the process's memory


@dataclass(frozen=True)
class Trial:
    """Measurements of one painted picture.

    Attributes:
        painting: What came out, at the size at which it is measured.
        seconds: Wall-clock time of finding the strokes.
        cpu_seconds: Processor time of it, all threads together.
        peak_memory_mb: Most anonymous memory that the process had meanwhile, in 10^6 bytes.
        work_size: Longer side in pixels of the canvas on which the strokes were found.
    """

    painting: Painting
    seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    work_size: int


def measure(
    painter: Painter,
    image: NDArray[np.uint8],
    size: int | None = None,
    progress: Progress | None = None,
    device: torch.device | str = "cpu",
) -> Trial:
    """Paint a picture and measure it.

    Args:
        painter: Finds the strokes, at its own size.
        image: (H, W, 3) uint8, RGB.
        size: Pixels on the longer side at which the painting is drawn and compared; the picture's
            own by default.
        progress: Told of the painting as it grows; the time that it takes counts.
        device: Where to paint.

    Raises:
        UserError: The size makes no sense, or there is not the memory.
    """
    with MemoryPeak(_LOOKS) as memory:
        started, processor = time.perf_counter(), time.process_time()
        try:
            painting = paint_picture(image, painter, progress, device)
        except Unfinished as stop:
            raise stop.cause from None
        seconds = time.perf_counter() - started
        cpu_seconds = time.process_time() - processor
        peak = memory.megabytes
    work_size = max(painter.canvas(*image.shape[:2]))
    return Trial(painting.at(size), seconds, cpu_seconds, peak, work_size)
