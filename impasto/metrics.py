"""Measurements of a painter on a picture: error, time and memory."""

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.canvas import decibels, to_float
from impasto.io.images import resize_image
from impasto.networks.lpips import Lpips
from impasto.painters import Painter, Progress
from impasto.rendering import draw_canvas
from impasto.runtime.memory import MemoryPeak

_LOOKS = 0.05  # seconds between two looks at the process's memory


@dataclass(frozen=True)
class Nearness:
    """Similarity of a canvas to its target.

    Attributes:
        canvas: (3, H, W) in [0, 1].
        target: Likewise.
    """

    canvas: Tensor
    target: Tensor

    @cached_property
    def l2(self) -> float:
        """Mean of (canvas - target)² over pixels and channels."""
        return float((self.canvas - self.target).double().square().mean())

    @property
    def psnr(self) -> float:
        """Peak signal to noise ratio, -10 log10 L2 dB; 100 at most."""
        return decibels(self.l2)

    @cached_property
    def ssim(self) -> float:
        """Structural similarity, at most 1 (Wang et al., 2004; Gaussian window of 11 pixels)."""
        # Here and not above: loading it takes longer than the first stroke may take.
        from torchmetrics.functional.image import structural_similarity_index_measure

        ssim = structural_similarity_index_measure(
            self.canvas[None], self.target[None], data_range=1.0
        )
        assert isinstance(ssim, Tensor)
        return float(ssim)

    def lpips(self, network: Lpips) -> float:
        """LPIPS, 0 at best."""
        return float(network(self.canvas[None], self.target[None]))


@dataclass(frozen=True)
class Trial:
    """Measurements of one painted picture.

    Attributes:
        strokes: (N, D) in [0, 1].
        nearness: Of the painting, drawn by the exact rasterizer.
        seconds: Wall-clock time of finding the strokes.
        cpu_seconds: Processor time of it, all threads together.
        peak_memory_mb: Most anonymous memory that the process had meanwhile, in 10^6 bytes.
        work_size: Longer side in pixels of the canvas on which the strokes were found.
    """

    strokes: Tensor
    nearness: Nearness
    seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    work_size: int


def target_of(image: NDArray[np.uint8], size: tuple[int, int]) -> Tensor:
    """Resize a picture (H, W, 3) uint8 to (3, rows, columns) in [0, 1]."""
    resized = torch.from_numpy(resize_image(image, *size))
    return to_float(resized.permute(2, 0, 1)).contiguous()


def measure(
    painter: Painter,
    image: NDArray[np.uint8],
    size: tuple[int, int] | None = None,
    progress: Progress | None = None,
    device: torch.device | str = "cpu",
) -> Trial:
    """Paint a picture and measure it.

    Args:
        painter: Finds the strokes, at its own size.
        image: (H, W, 3) uint8, RGB.
        size: Rows and columns at which the painting is drawn and compared: paintings of different
            sizes can't be; the painter's own by default.
        progress: Told of the painting as it grows; the time that it takes counts.
        device: Where to paint.
    """
    found_at = painter.canvas(*image.shape[:2])
    target = target_of(image, found_at)
    with MemoryPeak(_LOOKS) as memory:
        started, processor = time.perf_counter(), time.process_time()
        strokes = painter.paint(target.to(device), progress).detach().cpu()
        seconds = time.perf_counter() - started
        cpu_seconds = time.process_time() - processor
        peak = memory.megabytes
    if size is not None and size != found_at:
        target = target_of(image, size)
    rows, columns = target.shape[1:]
    canvas = draw_canvas(painter.stroke, strokes, rows, columns, painter.background)
    near = Nearness(canvas, target)
    return Trial(strokes, near, seconds, cpu_seconds, peak, max(found_at))
