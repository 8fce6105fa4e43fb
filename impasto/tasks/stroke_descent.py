"""Stroke descent of the tasks `visualize` and `stylize`: strokes that follow a loss, and files."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from impasto.io.exporters import Exporter
from impasto.io.figures import contact_sheet
from impasto.io.images import write_png
from impasto.io.record import StrokeRecord
from impasto.painting import PICTURE, save_record
from impasto.tasks.runs.run_folder import shown
from impasto.visualizing import Descent, GridCanvas

TRANSFER = "transfer.png"
_SHOWN_SIDE = 256  # pixels: smaller pictures are enlarged

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Selection:
    """Rule that selects the strokes of a descent's last steps.

    Attributes:
        score: How good finished strokes (N, D) are, really drawn; the best ones are taken.
        candidates: From so many of the last steps.
    """

    score: Callable[[Tensor], float]
    candidates: int


@dataclass(frozen=True)
class DescentTask:
    """Canvas, descent and output folder of one picture.

    Attributes:
        canvas: What is painted on.
        descent: How strokes are moved.
        record: Makes the record of strokes (N, D) within their limits.
        folder: Where.
        exports: What else is written.
        selection: Which strokes are taken; those after the last step by default.
    """

    canvas: GridCanvas
    descent: Descent
    record: Callable[[Tensor], StrokeRecord]
    folder: Path
    exports: Sequence[Exporter]
    selection: Selection | None = None

    def paint(self, start: Tensor, loss: Callable[[Tensor], Tensor], title: str) -> Tensor:
        """Move strokes to where the loss is low, with a bar, and write the painting.

        When interrupted, what is painted so far is written, without the exports.

        Args:
            start: (N, D), on the canvas's device.
            loss: Of the picture (3, H, W).
            title: What stands before the bar.

        Returns:
            The strokes of the canvases (N, D), within limits.
        """
        last: list[Tensor] = [start]
        best: list[Tensor] = []
        worth, step = -math.inf, 0  # counted here: a bar that is switched off counts nothing
        with tqdm(total=self.descent.steps, unit="step", desc=title, dynamic_ncols=True) as bar:

            def report_step(value: float, strokes: Tensor) -> None:
                nonlocal worth, step
                last[:] = [strokes]
                step += 1
                bar.set_postfix(loss=f"{value:.4f}", refresh=False)
                bar.update()
                if self.selection and step > self.descent.steps - self.selection.candidates:
                    score = self.selection.score(strokes)
                    if score > worth:
                        best[:], worth = [strokes], score

            try:
                result = self.descent.run(self.canvas, start, loss, report_step)
            except KeyboardInterrupt:
                save_record(self.folder, self.record(last[0]))
                log.warning("painted so far: %s", shown(self.folder / PICTURE))
                raise
        result = best[0] if best else result
        save_record(self.folder, self.record(result), self.exports)
        log.info("%s", shown(self.folder / PICTURE))
        return result


def save_transfer(folder: Path, renderer_canvas: Tensor, exact: Tensor) -> float:
    """Show what a learned renderer made of strokes beside the strokes themselves.

    Args:
        folder: Where `transfer.png` is written.
        renderer_canvas: The renderer's picture (3, H, W) in [0, 1].
        exact: The strokes drawn exactly, likewise.

    Returns:
        Their L2.
    """
    scale = max(1, _SHOWN_SIDE // max(renderer_canvas.shape[1:]))
    pair = torch.stack([renderer_canvas.cpu(), exact.cpu()])
    write_png(folder / TRANSFER, contact_sheet(pair, scale=scale))
    return float((pair[0] - pair[1]).square().mean())
