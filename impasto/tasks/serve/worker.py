"""A picture being painted, and what can be seen of it meanwhile."""

import threading
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from impasto.api import paint_picture
from impasto.canvas import to_array
from impasto.io.images import fit_size
from impasto.io.record import StrokeRecord
from impasto.painters import Painter, Sketch
from impasto.painters.detail import detail_mask
from impasto.painters.tiled_canvas import TiledCanvas, canvas_beside
from impasto.painting import Unfinished

_SKETCH = 256  # pixels on the longer side, at most, of a painting that is on its way


class _Stopped(KeyboardInterrupt):
    """The painter is to stop: raised where it reports, and to `paint` the same as Ctrl-C."""


@dataclass(frozen=True)
class Progress:
    """Progress of a painting.

    Attributes:
        share: Of its painter's steps, in [0, 1].
        strokes: How many strokes it has by now.
        psnr: Peak signal to noise ratio on the painter's canvas, dB.
    """

    share: float
    strokes: int
    psnr: float


class Worker:
    """Thread that paints a picture.

    Args:
        image: (H, W, 3) uint8, RGB, or (H, W, 4) with alpha.
        painter: Finds the strokes.
        device: Where to paint.
        mask: (h, w, 3) uint8, white where detail goes.
        detail: Where it goes without one: see `impasto.paint`.
    """

    def __init__(
        self,
        image: NDArray[np.uint8],
        painter: Painter,
        device: torch.device | str = "cpu",
        mask: NDArray[np.uint8] | None = None,
        detail: str = "none",
    ) -> None:
        self._image, self._painter, self._device = image, painter, device
        self._mask, self._detail = mask, detail
        self._sketch: Sketch | None = None
        self._result: tuple[StrokeRecord, float | None] | None = None
        self._error: BaseException | None = None
        self._stop = threading.Event()
        self._over = threading.Event()
        self._tiled: TiledCanvas | None = None
        self._thread = threading.Thread(target=self._run, name="painter", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the painter to stop after its present step; what is painted is kept."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end, at most so long; return True if it has come."""
        over = self._over.wait(seconds)
        if over:
            self._thread.join()  # nothing but its last line is left to do
        return over

    @property
    def stopped(self) -> bool:
        """Return True if it was asked to stop."""
        return self._stop.is_set()

    @property
    def progress(self) -> Progress:
        """Progress of the painting by now."""
        sketch = self._sketch
        if sketch is None:
            return Progress(0.0, 0, 0.0)
        return Progress(sketch.step / self._painter.steps, len(sketch.strokes), sketch.psnr)

    def look(self) -> NDArray[np.uint8] | None:
        """The painting as it is now, (h, w, 3) uint8; None before there is any."""
        sketch = self._sketch
        if sketch is None:
            return None
        if self._tiled is None or self._tiled.stroke is not sketch.stroke:
            height, width = self._painter.canvas(*self._image.shape[:2])
            # Of the target only the size counts.
            target = sketch.strokes.new_zeros(3, *fit_size(height, width, _SKETCH))
            self._tiled = canvas_beside(sketch.stroke, target, self._painter.background)
        return to_array(self._tiled.canvas(sketch.strokes))

    def so_far(self) -> StrokeRecord | None:
        """Return the painting by now, before the step that it is in is done.

        None before there is any, and of a picture with alpha, of whose strokes not all are kept.
        """
        sketch = self._sketch
        if sketch is None or not len(sketch.strokes) or self._image.shape[2] == 4:
            return None
        height, width = self._image.shape[:2]
        red, green, blue = self._painter.background
        strokes = sketch.strokes.detach().cpu()
        return StrokeRecord(self._painter.stroke, strokes, width, height, (red, green, blue))

    def result(self) -> tuple[StrokeRecord, float | None] | None:
        """Return the painting at the picture's size, and its PSNR there, once it is over.

        None if it was stopped before there was any; of one that was stopped the PSNR is None, as
        drawing a large picture takes long.

        Raises:
            UserError: Of the painter.
            BaseException: Whatever went wrong.
        """
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        try:
            mask = self._mask
            if mask is None:
                mask = detail_mask(self._image, self._detail)
            done = paint_picture(self._image, self._painter, self._report, self._device, mask=mask)
            self._result = done.record, done.psnr
        except Unfinished as stop:
            record = stop.painting.record
            self._result = (record, None) if len(record.strokes) else None
        except BaseException as error:  # handed on by `result`
            self._error = error
        finally:
            self._over.set()

    def _report(self, sketch: Sketch) -> None:
        self._sketch = sketch
        if self._stop.is_set():
            raise _Stopped
