"""A picture being painted in a thread."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor

from impasto.errors import UserError
from impasto.painters import OptimizePainter, Progress, Sketch
from impasto.rendering import draw_picture
from impasto.strokes import Circle
from impasto.tasks.serve import worker as module
from impasto.tasks.serve.worker import Worker
from tests.impasto.tasks.serve.painters import BrokenPainter, GrowingPainter

IMAGE = np.full((30, 60, 3), (200, 100, 50), dtype=np.uint8)


def test_it_is_seen_growing_and_ends_with_the_painting() -> None:
    painter = GrowingPainter(strokes=4, free=2)
    worker = Worker(IMAGE, painter)
    assert (worker.look(), worker.progress) == (None, module.Progress(0.0, 0, 0.0))
    worker.start()
    assert painter.waits.wait(60)
    assert worker.progress == module.Progress(0.5, 2, 12.0)
    seen = worker.look()
    assert seen is not None
    assert not worker.wait(0.0)
    painter.go.set()
    assert worker.wait(60)
    found = worker.result()
    assert found is not None
    record, psnr = found
    assert (len(record.strokes), record.width, record.height) == (4, 60, 30)
    two = draw_picture(record.stroke, record.strokes[:2], 8, 16, (0, 0, 0))
    assert np.abs(seen.astype(int) - two).max() <= 1  # what was seen then, at the painter's size
    delivered = draw_picture(record.stroke, record.strokes, 30, 60, (0, 0, 0))
    assert psnr == pytest.approx(peak_signal_noise_ratio(IMAGE, delivered))


def test_what_is_transparent_is_not_painted() -> None:
    image = np.dstack([IMAGE, np.full((30, 60), 255, np.uint8)])
    image[:, :30, 3] = 0
    worker = Worker(image, OptimizePainter(Circle(), 6, work_size=32, steps=4, tries=4, moves=0))
    worker.start()
    assert worker.wait(60)
    found = worker.result()
    assert found is not None
    assert found[0].background is None
    picture = draw_picture(found[0].stroke, found[0].strokes, 30, 60, None)
    assert picture[:, 40:, 3].mean() > 2 * picture[:, :20, 3].mean()
    seen = worker.look()
    assert seen is not None
    assert seen.shape[2] == 3


def test_stopping_keeps_what_is_painted() -> None:
    painter = GrowingPainter(strokes=5, free=3)
    worker = Worker(IMAGE, painter)
    worker.start()
    assert painter.waits.wait(60)
    worker.stop()
    painter.go.set()
    assert worker.wait(60)
    found = worker.result()
    assert found is not None
    record, psnr = found
    assert len(record.strokes) == 4  # the step that it was in was done
    assert psnr is None  # a large picture would take long to draw
    assert (record.width, record.height, record.background) == (60, 30, (0.0, 0.0, 0.0))


def test_detail_goes_where_the_mask_is_white() -> None:
    seen: list[Tensor | None] = []

    class Watched(GrowingPainter):
        def paint(self, *args: object, weight: Tensor | None = None, **more: object) -> Tensor:
            seen.append(weight)
            return super().paint(*args, **more)  # type: ignore[arg-type]

    mask = np.zeros((30, 60, 3), np.uint8)
    mask[:, 30:] = 255
    for settings in ({"mask": mask}, {"detail": "none"}, {"detail": "saliency"}):
        worker = Worker(IMAGE, Watched(), **settings)  # type: ignore[arg-type]
        worker.start()
        assert worker.wait(60)
        worker.result()
    drawn, none, salient = seen
    assert drawn is not None
    assert drawn[:, 8:].mean() > 10 * drawn[:, :8].mean()
    assert none is None
    assert salient is not None


class HesitantPainter(GrowingPainter):
    """Reports before it has laid a stroke."""

    def paint(
        self,
        target: Tensor,
        progress: Progress | None = None,
        start: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        assert progress is not None
        progress(Sketch(1, 0.0, self.stroke, torch.zeros(0, self.stroke.dim)))
        raise AssertionError("it should have been stopped")


def test_stopped_before_the_first_stroke() -> None:
    worker = Worker(IMAGE, HesitantPainter())
    worker.stop()
    worker.start()
    assert worker.wait(60)
    assert worker.result() is None


@pytest.mark.parametrize("error", [UserError("what", "todo"), RuntimeError("a bug")])
def test_errors_come_out(error: Exception) -> None:
    worker = Worker(IMAGE, BrokenPainter(error))
    worker.start()
    assert worker.wait(60)
    with pytest.raises(type(error)) as raised:
        worker.result()
    assert raised.value is error
