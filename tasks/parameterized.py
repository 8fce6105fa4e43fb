"""What the tasks `visualize` and `stylize` share: strokes that follow a loss, and files."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from tqdm import tqdm

from painting.exporters import Exporter
from painting.painting import PICTURE, save_record
from painting.record import StrokeRecord
from painting.visualizing import Descent, GridCanvas
from tasks.run_folder import shown

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Studio:
    """Where a picture is painted, and written.

    Attributes:
        canvas: What is painted on.
        descent: How strokes are moved.
        record: What is written of free strokes (N, D).
        folder: Where.
        exports: What else is written.
    """

    canvas: GridCanvas
    descent: Descent
    record: Callable[[Tensor], StrokeRecord]
    folder: Path
    exports: Sequence[Exporter]

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
        last = [start]
        with tqdm(total=self.descent.steps, unit="step", desc=title, dynamic_ncols=True) as bar:

            def told(value: float, strokes: Tensor) -> None:
                last[:] = [strokes]
                bar.set_postfix(loss=f"{value:.4f}", refresh=False)
                bar.update()

            try:
                found = self.descent.run(self.canvas, start, loss, told)
            except KeyboardInterrupt:
                save_record(self.folder, self.record(last[0]))
                log.warning("painted so far: %s", shown(self.folder / PICTURE))
                raise
        save_record(self.folder, self.record(found), self.exports)
        log.info("%s", shown(self.folder / PICTURE))
        return found
